import { randomBytes } from 'node:crypto'

/** 256 random bits as base64url: what lets somebody in, and is stored hashed only. */
export function randomId(): string {
  return randomBytes(32).toString('base64url')
}

/** Whether a text may be one. */
export function isRandomId(text: string): boolean {
  return /^[\w-]{43}$/.test(text)
}
