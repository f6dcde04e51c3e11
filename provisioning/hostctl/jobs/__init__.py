"""Long work on a server, beside hostctl and apart from what it converges: `hostctl job`."""
