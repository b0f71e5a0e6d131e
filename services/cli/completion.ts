import { Argument, type Command, type Option } from 'commander'
import { ownCommand } from '../../shared/config/own-command.ts'
import { EXIT_CODES } from './commands/verb.ts'

/** `token-ledger completion bash | zsh | fish`: of what the program has when it is asked. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print what completes commands, options and choices in a shell')
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', HELP)
    .action((shell: keyof typeof SCRIPTS) => void process.stdout.write(SCRIPTS[shell](placesIn(program))))
}

const HELP = `
Have your shell read it when it starts: the first line in ~/.bashrc, the second in ~/.zshrc below "compinit", the third in
~/.config/fish/config.fish. It asks nothing of the program, and knows no ids.

Examples:
  source <(${ownCommand()} completion bash)
  source <(${ownCommand()} completion zsh)
  ${ownCommand()} completion fish | source

${EXIT_CODES}`

/** What stands behind an option: nothing, one of these, a file, or what nobody can know. */
type Takes = readonly string[] | 'nothing' | 'file' | 'text'

type Flag = { long: string; short: string | undefined; about: string; takes: Takes }

/** A place in a command line, as the verbs before it (`/clients/create`), and what can stand there. */
type Place = { at: string; verbs: { name: string; about: string }[]; flags: Flag[] }

function placesIn(command: Command, at = ''): Place[] {
  const help = command.createHelp()
  const below = command.commands
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices)
  const verbs = [
    ...below.map((one) => ({ name: one.name(), about: one.description() })),
    ...choices.map((name) => ({ name, about: '' })),
  ]
  const flags = help.visibleOptions(command).map(flagOf)
  return [{ at, verbs, flags }, ...below.flatMap((one) => placesIn(one, `${at}/${one.name()}`))]
}

function flagOf({ long, short, description, ...option }: Option): Flag {
  return { long: long ?? '', short, about: description, takes: takenBy(option) }
}

function takenBy({ required, flags, argChoices }: Pick<Option, 'required' | 'flags' | 'argChoices'>): Takes {
  if (!required) return 'nothing'
  return argChoices ?? (flags.includes('<file>') ? 'file' : 'text')
}

const namesOf = ({ long, short }: Flag) => (short === undefined ? [long] : [long, short])

/** The options of all places that take this, each with its place, as patterns of a `case`. */
function patternsOf(places: Place[], isIt: (takes: Takes) => boolean): string {
  return places
    .flatMap(({ at, flags }) =>
      flags.filter(({ takes }) => isIt(takes)).flatMap((flag) => namesOf(flag).map((name) => `'${at} ${name}'`)),
    )
    .join('|')
}

/** Each list of choices once, with the options that take it. */
function choicesIn(places: Place[]): { words: string; patterns: string }[] {
  const lists = places.flatMap(({ flags }) =>
    flags.flatMap(({ takes }) => (Array.isArray(takes) ? [takes.join(' ')] : [])),
  )
  return [...new Set(lists)].map((words) => ({
    words,
    patterns: patternsOf(places, (takes) => Array.isArray(takes) && takes.join(' ') === words),
  }))
}

const verbPaths = (places: Place[]) => places.map(({ at }) => at).filter((at) => at !== '')

function bash(places: Place[]): string {
  const words = ({ verbs, flags }: Place) =>
    [...verbs.map(({ name }) => name), ...flags.map(({ long }) => long)].join(' ')
  return `_token_ledger() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} at='' words='' i IFS=$' \\n'
  if [[ $cur == '=' ]]; then cur=''; fi
  if [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/\${COMP_WORDS[i]}" in
      ${verbPaths(places).join('|')}) at="$at/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $prev" in
${choicesIn(places)
  .map(({ words: some, patterns }) => `    ${patterns}) words='${some}' ;;\n`)
  .join('')}    ${patternsOf(places, (takes) => takes === 'file')})
      IFS=$'\\n'
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$cur"))
      return ;;
    ${patternsOf(places, (takes) => takes === 'text')}) return ;;
    *)
      case "$at" in
${places.map((place) => `        '${place.at}') words='${words(place)}' ;;\n`).join('')}      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _token_ledger token-ledger
`
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

function zsh(places: Place[]): string {
  const described = (name: string, about: string) => quoted(`${name}:${about.replaceAll(/\s+/g, ' ')}`)
  return `#compdef token-ledger
_token_ledger() {
  local at='' word
  local -a verbs flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at/$word" in
      (${verbPaths(places).join('|')}) at="$at/$word" ;;
    esac
  done
  case "$at \${words[CURRENT-1]}" in
${choicesIn(places)
  .map(({ words, patterns }) => `    (${patterns}) compadd -- ${words}; return ;;\n`)
  .join('')}    (${patternsOf(places, (takes) => takes === 'file')}) _files; return ;;
    (${patternsOf(places, (takes) => takes === 'text')}) return ;;
  esac
  case "$at" in
${places
  .map(
    ({ at, verbs, flags }) =>
      `    ('${at}')\n      verbs=(${verbs.map(({ name, about }) => described(name, about)).join(' ')})\n` +
      `      flags=(${flags.map(({ long, about }) => described(long, about)).join(' ')}) ;;\n`,
  )
  .join('')}  esac
  _describe -t commands command verbs
  _describe -o -t options option flags
}
if [[ \${funcstack[1]} == _token_ledger ]]; then _token_ledger; else compdef _token_ledger token-ledger; fi
`
}

function fish(places: Place[]): string {
  const text = (said: string) => `'${said.replaceAll(/\s+/g, ' ').replaceAll(/[\\']/g, '\\$&')}'`
  const taken = ({ takes }: Flag) => {
    if (takes === 'nothing') return ''
    if (takes === 'file') return ' -r -F'
    return takes === 'text' ? ' -x' : ` -x -a '${takes.join(' ')}'`
  }
  const lines = places.flatMap(({ at, verbs, flags }) => {
    const here = `complete -c token-ledger -n '__token_ledger_at "${at}"'`
    const short = (flag: Flag) => (flag.short === undefined ? '' : ` -s ${flag.short.slice(1)}`)
    return [
      ...verbs.map(({ name, about }) => `${here} -a ${name} -d ${text(about)}`),
      ...flags.map((flag) => `${here}${short(flag)} -l ${flag.long.slice(2)}${taken(flag)} -d ${text(flag.about)}`),
    ]
  })
  return `set -g __token_ledger_verbs ${verbPaths(places).join(' ')}
function __token_ledger_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    if contains -- "$at/$word" $__token_ledger_verbs
      set at "$at/$word"
    end
  end
  test "$at" = "$argv[1]"
end
complete -c token-ledger -e
complete -c token-ledger -f
${lines.join('\n')}
`
}

const SCRIPTS = { bash, zsh, fish }
