# Keeps what the application says may be kept (Cache-Control, Expires) and nothing else: the daemon's default life is 0. What carries
# a session or a login is passed through; the built-in rules, which follow each of these subroutines, see to that.
vcl 4.1;

# Nginx, which knows the instances and which of them is in trouble.
backend app {
  .host = "@HOST@";
  .port = "@PORT@";
  .connect_timeout = 2s;
  .first_byte_timeout = @TIMEOUT@s;
  .between_bytes_timeout = @TIMEOUT@s;
}

sub vcl_recv {
  # Which configuration runs: asked on the server itself, as visitors come through Nginx and with an address.
  if (req.url == "/.well-known/cache" && !req.http.X-Real-IP) {
    return (synth(200, "@PRINT@"));
  }
  # Cookies of Cloudflare and of the usual analytics, which no application reads: with them every visitor would be passed through.
  if (req.http.Cookie) {
    set req.http.Cookie = ";" + req.http.Cookie;
    set req.http.Cookie = regsuball(req.http.Cookie, "; *(__cf[a-z_]*|_cfuvid|cf_clearance|_ga[A-Za-z0-9_]*|_gid|_gat[A-Za-z0-9_]*|_gcl_[a-z]+|_fbp|_fbc)=[^;]*", "");
    set req.http.Cookie = regsub(req.http.Cookie, "^; *", "");
    if (req.http.Cookie == "") {
      unset req.http.Cookie;
    }
  }
}

sub vcl_backend_response {
  # A fresh copy that failed must not take the place of the old one while that may still be shown.
  if (beresp.status >= 500 && bereq.is_bgfetch) {
    return (abandon);
  }
}

sub vcl_deliver {
  if (obj.hits > 0) {
    set resp.http.X-Cache = "hit";
  } elsif (obj.uncacheable) {
    set resp.http.X-Cache = "pass";
  } else {
    set resp.http.X-Cache = "miss";
  }
  unset resp.http.Via;
  unset resp.http.X-Varnish;
}

sub vcl_synth {
  if (resp.status == 200) {
    set resp.http.Content-Type = "text/plain";
    set resp.body = resp.reason;
    return (deliver);
  }
}
