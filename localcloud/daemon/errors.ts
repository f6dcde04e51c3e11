/** Something the person at the keyboard can put right: what is wrong, and the command that comes next. */
export class UserError extends Error {
  readonly next: string | undefined;

  constructor(message: string, next?: string) {
    super(message);
    this.name = "UserError";
    this.next = next;
  }
}
