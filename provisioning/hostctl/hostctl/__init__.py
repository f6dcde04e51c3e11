"""hostctl: applies Bascule's bundles on a server, and finds what has changed since."""
