/** Which of the two sides of a move: where production was, and what this program built. */
export type Side = "blue" | "green";

export const sides: readonly Side[] = ["blue", "green"];

export function otherSide(side: Side): Side {
  return side === "blue" ? "green" : "blue";
}
