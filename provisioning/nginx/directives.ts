/** A line, or a line with a block below it. */
export type Directive = string | [head: string, block: Directive[]];

/** The text nginx reads. */
export function serialise(directives: Directive[], depth = 0): string {
  const indent = "  ".repeat(depth);
  return directives
    .map((directive) =>
      typeof directive === "string"
        ? `${indent}${directive};\n`
        : `${indent}${directive[0]} {\n${serialise(directive[1], depth + 1)}${indent}}\n`,
    )
    .join("");
}

/** A JSON body or any other text as one word of the configuration. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`;
}
