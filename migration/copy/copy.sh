# A whole, consistent copy of blue's database into green's. Green takes no traffic meanwhile: the caller has seen to it.
dump=$(mktemp -d /var/tmp/bascule-copy.XXXXXX)
trap 'rm -rf "$dump"' EXIT

server_version=$(blue -c 'show server_version_num')
client_version=$(pg_dump --version | sed -E 's/.* ([0-9]+)\..*/\1/')
if [ "$((server_version / 10000))" -gt "$client_version" ]; then
  echo "blue runs PostgreSQL $((server_version / 10000)), newer than green's $client_version: raise bascule:postgres.version" >&2
  exit 3
fi

needed=$(blue -c "select pg_database_size(current_database())")
free=$(df --output=avail -B1 /var/tmp | tail -n 1)
if [ "$free" -lt "$((needed * 2))" ]; then
  echo "blue's database takes $needed bytes; the dump and the copy need twice that on green and $free are free: order a larger server" >&2
  exit 4
fi

# Extensions are resources of the stack, and a blue of ours has what PgBouncer looks up secrets with: both are green's own.
PGSSLMODE="$BLUE_SSLMODE" pg_dump -Fd -j "$JOBS" --no-owner --no-privileges --exclude-extension='*' --exclude-schema=pgbouncer --lock-wait-timeout=10000 \
  -h "$BLUE_HOST" -p "$BLUE_PORT" -U "$BLUE_USER" -d "$BLUE_DATABASE" -f "$dump/blue"
echo "dumped $(du -sb "$dump/blue" | cut -f1) bytes from blue"

drop_leftovers

pg_restore -j "$JOBS" --clean --if-exists --no-owner --no-privileges --role="$GREEN_ROLE" --exit-on-error -d "$GREEN_DATABASE" "$dump/blue"
green -c 'analyze'
echo "restored into green"
counts
