import * as pulumi from "@pulumi/pulumi";

/**
 * Waits for the answer of a provider. A refusal, such as a wrong token, becomes one line with the setting and the remedy;
 * the engine would show a stack trace of its SDK instead.
 *
 * @param setting what was asked for, as it stands in the stack file
 * @param remedy the last sentence
 */
export async function answered<T>(question: Promise<T>, setting: string, remedy: string): Promise<T> {
  try {
    return await question;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const reason = text.replace(/^.*?invocation of \S+ returned an error: /s, "").trim();
    throw new pulumi.RunError(`${setting}: ${reason.replace(/[.;]$/, "")}. ${remedy}`);
  }
}
