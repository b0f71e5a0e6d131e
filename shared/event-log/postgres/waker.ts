export type Waker = { wake(): void; wait(ms: number): Promise<void> }

/** A pause that can be cut short. A wake that comes while nobody waits ends the next pause at once. */
export function createWaker(): Waker {
  let awake = false
  let rouse: (() => void) | undefined

  function wake(): void {
    awake = true
    rouse?.()
  }

  async function wait(ms: number): Promise<void> {
    if (!awake) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        rouse = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    rouse = undefined
    awake = false
  }

  return { wake, wait }
}
