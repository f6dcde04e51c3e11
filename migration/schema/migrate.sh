set -euo pipefail
# The application's bundle brought both; without it, or with bascule:app.migrations off, there is nothing to do.
config="/etc/bascule/app/$APP.migrations.json"
if [ ! -e "$config" ]; then
  echo '{"applied": [], "pending": [], "unknown": []}'
  exit 0
fi
exec /usr/local/lib/bascule/app/migrate --config "$config" --password-file "/etc/bascule/app/$APP.database-password" "$VERB"
