/** One thing wrong with the settings. */
export interface SettingProblem {
  /** As it is typed: `bascule:traffic.weight`. */
  path: string;
  /** One line: the path, the value got, what is allowed, the remedy. */
  message: string;
}

/** Everything wrong with the settings, collected, so that the operator mends the file once. */
export class SettingsError extends Error {
  readonly problems: readonly SettingProblem[];

  constructor(problems: readonly SettingProblem[]) {
    const count = problems.length === 1 ? "1 setting is" : `${problems.length} settings are`;
    super([`${count} not usable; nothing was changed:`, ...problems.map(({ message }) => `  ${message}`)].join("\n"));
    this.name = "SettingsError";
    this.problems = problems;
  }
}

/** A value as it is shown in a message: short, on one line. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The command that sets a plain setting. */
export function setCommand(path: string, example: string): string {
  const nested = path.includes(".") || path.includes("[");
  return `pulumi config set ${nested ? `--path '${path}'` : path} ${example}`;
}

/** The command that sets a secret from a file, so that its value never stands in the shell's history. */
export function setSecretCommand(path: string, file: string): string {
  return `pulumi config set --secret ${path} < ${file}`;
}
