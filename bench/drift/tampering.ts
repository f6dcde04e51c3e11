/** One thing somebody did to a server behind hostctl's back. */
export interface Tampering {
  name: string;
  /** Whose drift it must be. */
  service: string;
  /** Without this on the server there is nothing to tamper with. */
  needs?: string;
  /** As root, in bash. */
  script: string;
  /** Matches `kind name what` of a difference that names it; anything else that is found beside it does not count. */
  seen: RegExp;
  /** Why nothing but a person puts it right, and how to undo it here; absent where hostctl repairs it. */
  refused?: { reason: RegExp; undo: string };
}

/** A line at the end of a file. */
export const edit = (path: string) => `printf '# by hand\\n' >> ${path}`;
