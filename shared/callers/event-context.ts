import { isIPv6 } from 'node:net'
import type { EventContext } from '../event-log/event-codec.ts'
import type { HttpContext } from '../http/context.ts'
import type { Principal } from '../ledger/events.ts'

/** Who acts, through which request and from where: for the envelope of the event that a request causes. */
export function eventContext(ctx: HttpContext, { type, id }: Principal): EventContext {
  const { requestId, traceparent, clientAddress } = ctx.state
  return { actor: `${type}/${id}`, requestid: requestId, traceparent, clientaddress: networkOf(clientAddress) }
}

/**
 * The network of an address, /24 or /48: what stands in the log stands there for ever, and must not lead to a person.
 * The whole address is in the access log.
 */
export function networkOf(address: string): string | undefined {
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+)\.\d+$/i.exec(address)?.[1]
  if (ipv4 !== undefined) return `${ipv4}.0/24`
  const groups = groupsOf(address)
  return groups && `${groups.slice(0, 3).join(':')}::/48`
}

/** What counts as one address where failures are counted: an IPv4 address, or the /64 that a line is given. */
export function limitedNetwork(address: string): string {
  const groups = groupsOf(address)
  return groups ? `${groups.slice(0, 4).join(':')}::/64` : address
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): string[] | undefined {
  const bare = address.replace(/%.*$/, '')
  if (!isIPv6(bare)) return undefined
  // Written out: `::` stands for the groups that are left out.
  const [head = '', tail] = bare.split('::')
  const [before, after] = [head, tail ?? ''].map((part) => (part === '' ? [] : part.split(':')))
  const left = tail === undefined ? 0 : 8 - (before?.length ?? 0) - (after?.length ?? 0)
  const groups = [...(before ?? []), ...Array.from({ length: left }, () => '0'), ...(after ?? [])]
  return groups.map((group) => Number.parseInt(group, 16).toString(16))
}
