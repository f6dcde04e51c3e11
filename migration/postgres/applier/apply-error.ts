/** The two sides do not agree, or cannot be understood; another attempt would not change that, so a person looks. */
export class ApplyError extends Error {}
