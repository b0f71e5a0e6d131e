/** An image that we serve as it is. */
export type Picture = { type: 'image/png' | 'image/webp' | 'image/svg+xml'; extension: string; bytes: Buffer }

const MOST_BYTES = 512 * 1024

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** The picture that these bytes are, by what they say themselves. Throws an Error when they are none, or too many. */
export function readPicture(bytes: Buffer): Picture {
  if (bytes.length > MOST_BYTES) throw new Error(`is larger than ${MOST_BYTES / 1024} KiB`)
  if (bytes.subarray(0, PNG.length).equals(PNG)) return { type: 'image/png', extension: 'png', bytes }
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP')
    return { type: 'image/webp', extension: 'webp', bytes }
  if (isSvg(bytes.toString('utf8'))) return { type: 'image/svg+xml', extension: 'svg', bytes }
  throw new Error('is no PNG, WebP or SVG')
}

/** A document whose first element is `svg`: behind a declaration, comments and a document type, if it has such. */
function isSvg(text: string): boolean {
  return /^\ufeff?\s*(<\?xml[^>]*\?>\s*)?(<!doctype svg[^>]*>\s*)?<svg[\s>]/i.test(text.replace(/<!--[^]*?-->/g, ''))
}
