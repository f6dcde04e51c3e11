/** What is to be taken away when somebody ends a run before its time. */
const things = new Set<() => unknown>();

/**
 * Keeps in mind what this process started, for {@link endOnSignals}.
 * @returns forgets it, once it was taken away as usual
 */
export function onInterrupt(remove: () => unknown): () => void {
  things.add(remove);
  return () => void things.delete(remove);
}

/** What a shell says of a command that was interrupted. */
const INTERRUPTED = 130;

/**
 * From here on SIGINT and SIGTERM take away everything that was kept in mind, and end this process with 130. Later ones change nothing:
 * npm passes on what the terminal has sent to all, so each comes twice.
 * @returns is aborted by the first: what fails from then on says nothing, and nothing more is to be begun
 */
export function endOnSignals(): AbortSignal {
  const ending = new AbortController();
  const end = async (signal: NodeJS.Signals) => {
    if (ending.signal.aborted) return;
    ending.abort();
    // What the run was waiting for breaks now, and nobody is there any more to be told.
    for (const event of ["uncaughtException", "unhandledRejection"] as const) process.on(event, () => undefined);
    console.log(`${signal}: ending the servers of this run and removing their files`);
    // The newest first, as it stands on what came before; what the run was about to start meanwhile comes along.
    for (let remove = [...things].at(-1); remove !== undefined; remove = [...things].at(-1)) {
      things.delete(remove);
      await remove();
    }
    console.log("interrupted; nothing was left behind");
    process.exit(INTERRUPTED);
  };
  const failed = (error: unknown) => {
    console.error(error);
    process.exit(1);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, (name) => void end(name).catch(failed));
  return ending.signal;
}
