// autocannon ships no types: only what the load generator uses.
declare module 'autocannon' {
  export type Client = {
    setBody(body: string): void
    on(event: 'body', listener: (body: Buffer) => void): Client
    on(event: 'response', listener: (status: number, bytes: number, milliseconds: number) => void): Client
  }
  export type Options = {
    url: string
    method: string
    headers: Record<string, string>
    body?: string
    connections: number
    duration?: number
    amount?: number
    setupClient: (client: Client) => void
  }
  export default function autocannon(options: Options): Promise<{ errors: number; timeouts: number }>
}
