/** A place in the log of a server, as a number: `0/16B3748` and the like compare wrongly as texts. */
export function parseLsn(text: string | null | undefined): bigint {
  const parts = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text ?? "");
  if (parts === null) throw new Error(`'${text}' is no place in a PostgreSQL log`);
  return (BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`);
}

export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}
