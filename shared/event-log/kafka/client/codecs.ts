import kafkajs from 'kafkajs'

/** Turns the records of one batch into what they were before their producer, or the broker, compressed them. */
type Decompress = (compressed: Buffer) => Promise<Buffer>

/**
 * Lets kafkajs read what it knows by name only: a batch that a foreign producer compressed, or that a topic set to
 * another `compression.type` made of ours, would end every reader for ever. Each is loaded when the first such batch is
 * met; we ourselves never compress.
 */
export function registerCodecs(): void {
  for (const [type, decompress] of CODECS)
    Reflect.set(kafkajs.CompressionCodecs, type, () => ({ compress, decompress }))
}

const CODECS: [number, Decompress][] = [
  [kafkajs.CompressionTypes.LZ4, async (compressed) => (await import('lz4-napi')).decompressFrame(compressed)],
  [
    kafkajs.CompressionTypes.Snappy,
    async (compressed) => Buffer.concat(await Promise.all(snappyBlocks(compressed).map(unsnappy))),
  ],
  [kafkajs.CompressionTypes.ZSTD, async (compressed) => Buffer.from((await import('fzstd')).decompress(compressed))],
]

async function unsnappy(block: Buffer): Promise<Buffer> {
  const { uncompress } = await import('snappy')
  return Buffer.from(await uncompress(block, { asBuffer: true }))
}

const XERIAL_MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1')
const XERIAL_HEADER_BYTES = 16

/** Java frames Snappy in its own way: a header, then blocks with their lengths. Others write one bare block. */
function snappyBlocks(compressed: Buffer): Buffer[] {
  if (!compressed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [compressed]
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at < compressed.length;) {
    const begin = at + 4
    at = begin + compressed.readUInt32BE(at)
    blocks.push(compressed.subarray(begin, at))
  }
  return blocks
}

function compress(): never {
  throw new Error('nothing of ours is compressed')
}
