/** The options that our lines may use. curl 7.68 of Ubuntu 20.04 knows each of them; `--json` came with 7.82. */
const OF_CURL_7_68 = new Set([
  '-s',
  '-S',
  '-sS',
  '-i',
  '-w',
  '-u',
  '-d',
  '-H',
  '-X',
  '-o',
  '--fail',
  '--data-urlencode',
])

/** The options of curl in a command line that 7.68 may not know. */
export function newerCurlOptions(line: string): string[] {
  const bare = line.replace(/'[^']*'|"[^"]*"/g, "''")
  const calls = bare.match(/\bcurl\b[^|;&\n]*/g) ?? []
  const options = calls.flatMap((call) => call.match(/(?<=\s)--?[A-Za-z][\w-]*/g) ?? [])
  return options.filter((option) => !OF_CURL_7_68.has(option))
}
