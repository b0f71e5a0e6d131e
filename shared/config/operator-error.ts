/** What a command ends with, besides 0. */
export const EXIT = { problem: 1, usage: 2, unreachable: 3 } as const

export type OperatorErrorOptions = {
  /** Default: a problem was found. */
  exitCode?: (typeof EXIT)[keyof typeof EXIT]
  problems?: readonly string[]
  cause?: unknown
}

/** The one error that an operator reads, as it stands and without a stack: what is wrong, and what to do about it. */
export class OperatorError extends Error {
  readonly exitCode: number
  /** Each of several problems by itself; empty where the message is the problem. */
  readonly problems: readonly string[]

  constructor(message: string, { exitCode = EXIT.problem, problems = [], cause }: OperatorErrorOptions = {}) {
    super(message, { cause })
    this.name = 'OperatorError'
    this.exitCode = exitCode
    this.problems = problems
  }
}

/** All problems at once, a line each below the heading: nobody wants to mend one to be told of the next. */
export function problemsFound(heading: string, problems: readonly string[]): OperatorError {
  return new OperatorError([heading, ...problems.map((problem) => `  ${problem}`)].join('\n'), { problems })
}
