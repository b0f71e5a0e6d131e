/**
 * One deliberate break of the product: in `file` each text of `changes`, which stands there once, becomes the other;
 * one of `tests` must then fail.
 */
export type Mutant = { name: string; file: string; changes: [find: string, replace: string][]; tests: string[] }

/** Every break that some test must catch. A fault that got past the tests once belongs here. */
export const MUTANTS: Mutant[] = [
  {
    name: 'a dead lock is removed whole, also when another process has taken it meanwhile',
    file: 'shared/database/folder-lock.ts',
    changes: [['await rm(join(lock, owner), { force: true })', 'await rm(lock, { recursive: true, force: true })']],
    tests: ['test/database/folder-lock.test.ts'],
  },
  {
    name: 'a partition is marked fresh although it is behind',
    file: 'shared/read-model/checkpoints.ts',
    changes: [
      [`WHERE c.next >= e."end" ORDER BY`, 'ORDER BY'],
      [` AND c.next >= l."end"`, ''],
    ],
    tests: ['test/read-model/checkpoints.test.ts'],
  },
  {
    name: "a registry write that Kafka was sent twice is taken for somebody else's",
    file: 'services/admin/registry/write.ts',
    changes: [
      [
        'return (await admin.eventIdAt(last_offset)) === event_id',
        'return (await admin.eventIdAt(last_offset)) === null',
      ],
    ],
    tests: ['test/admin/registry/entities.test.ts', 'test/system/sent-twice.test.ts'],
  },
  {
    name: 'every stall is remembered, so that freshness which flaps stretches a grace without end',
    file: 'shared/read-model/checkpoints.ts',
    changes: [['cardinality(c.stalls) - ${STALLS_KEPT - 2}', 'cardinality(c.stalls) - 999']],
    tests: ['test/read-model/stall.test.ts'],
  },
  {
    name: 'an unknown grant is refused at once instead of waited for',
    file: 'shared/read-model/reads/settled.ts',
    changes: [["if (grant.status !== 'unknown') return null", 'if (grant) return null']],
    tests: ['test/read-model/reads/not-shown-yet.test.ts', 'test/read-model/reads/settled.test.ts'],
  },
  {
    name: 'after a change of leader the last record is not compared again',
    file: 'services/projector/projector.ts',
    changes: [
      [
        'if (leaderChanged(batch, checkpoint)) checkpoint',
        'if (leaderChanged(batch, checkpoint) && !batch) checkpoint',
      ],
    ],
    tests: ['test/projector/leader-change.test.ts'],
  },
  {
    name: 'an append is acknowledged by the leader alone',
    file: 'shared/event-log/kafka/sender.ts',
    changes: [['const ALL_REPLICAS = -1', 'const ALL_REPLICAS = 1']],
    tests: ['test/event-log/kafka/kafka.test.ts'],
  },
  {
    name: 'a diverged partition moves on',
    file: 'shared/read-model/checkpoints.ts',
    changes: [[" AND c.status <> 'diverged' AS stands", ' AS stands']],
    tests: ['test/read-model/projection/project.test.ts'],
  },
  {
    name: "records with their writer's time are accepted",
    file: 'shared/event-log/kafka/records.ts',
    changes: [['if (message.batchContext?.timestampType !== LOG_APPEND_TIME) {', 'if (!message.batchContext) {']],
    tests: ['test/event-log/kafka/kafka.test.ts'],
  },
  {
    name: 'a read that does not show the event is taken for one that does',
    file: 'shared/read-model/reads/freshness.ts',
    changes: [['if (next <= offset) throw new Unsettled(FELL_BEHIND)', 'void [next, offset]']],
    tests: ['test/read-model/reads/behind.test.ts'],
  },
  {
    name: 'a read that is older than what was waited for is taken for a new one',
    file: 'shared/read-model/reads/freshness.ts',
    changes: [
      ['if (fresh_as_of === null || fresh_as_of < time) throw new Unsettled(FELL_BEHIND)', 'void [fresh_as_of, time]'],
    ],
    tests: ['test/read-model/reads/settled.test.ts'],
  },
  {
    name: 'a reuse is judged from cached state',
    file: 'shared/read-model/projection/grants.ts',
    changes: [["event.type === 'TokenReuseDetected' || (", '(']],
    tests: ['test/read-model/projection/reuse.test.ts'],
  },
  {
    name: 'a void event counts as applied in the rows',
    file: 'shared/read-model/projection/grants.ts',
    changes: [['if (evolved.void !== undefined) continue\n', '']],
    tests: ['test/read-model/projection/void-events.test.ts'],
  },
  {
    name: 'a void revocation is a success',
    file: 'shared/read-model/commit/require-revoked.ts',
    changes: [
      ["if (grant.status === 'revoked') return grant", "if (grant.status !== 'unknown') return grant as never"],
    ],
    tests: ['test/token-endpoint/revoke.test.ts'],
  },
  {
    name: 'a registry older than the grant is not waited for',
    file: 'shared/read-model/reads/settled.ts',
    changes: [['lives && registry.next < grant.registry_position', 'lives && registry.next < 0']],
    tests: ['test/read-model/reads/settled.test.ts', 'test/read-model/reads/not-shown-yet.test.ts'],
  },
  {
    name: 'the view shows tokens of a client whose grants were all revoked',
    file: 'shared/read-model/tables.ts',
    changes: [[' AND g.registry_position > coalesce(c.not_before, -1)', '']],
    tests: ['test/read-model/still-living.test.ts'],
  },
  {
    name: 'a refresh token without refreshes left counts as living',
    file: 'shared/read-model/key-uses/key-sql.ts',
    changes: [[' AND g.refreshes_left IS DISTINCT FROM 0', '']],
    tests: ['test/read-model/still-living.test.ts'],
  },
  {
    name: 'topics take the compression of the broker',
    file: 'shared/event-log/kafka/topics.ts',
    changes: [
      [
        "  'compression.type': { made: 'uncompressed', alsoSound: (value) => value === 'producer' || value === 'gzip' },\n",
        '',
      ],
    ],
    tests: ['test/event-log/kafka/topic-settings.test.ts'],
  },
  {
    name: 'kafkajs is left without codecs',
    file: 'shared/event-log/kafka/client/patches.ts',
    changes: [['  registerCodecs()\n', '']],
    tests: ['test/event-log/kafka/topic-settings.test.ts'],
  },
  {
    name: 'a connection takes what the database sets',
    file: 'shared/database/open-database.ts',
    changes: [['      options: startupOptions(),\n', '']],
    tests: ['test/database/session-settings.test.ts'],
  },
  {
    name: 'migrate asks for the right to create what is there',
    file: 'shared/migrations/migrations.ts',
    changes: [
      [
        "if (!rows[0]?.there) await knex.raw('CREATE SCHEMA ledger')",
        "await knex.raw('CREATE SCHEMA IF NOT EXISTS ledger')",
      ],
    ],
    tests: ['test/migrations/rights.test.ts'],
  },
  {
    name: 'what PostgreSQL refuses is tried for ever',
    file: 'services/projector/projector.ts',
    changes: [['if (refused === null) throw error', 'throw error']],
    tests: ['test/projector/unfoldable.test.ts'],
  },
  {
    name: 'an error of PostgreSQL keeps its DETAIL',
    file: 'shared/database/cut-quotes.ts',
    changes: [["['detail', 'where', 'internalQuery']", "['where', 'internalQuery']"]],
    tests: ['test/database/cut-quotes.test.ts', 'test/projector/unfoldable.test.ts'],
  },
  {
    name: 'an error of the database has the parameters of its statement in it',
    file: 'shared/database/open-database.ts',
    changes: [['compileSqlOnError: false', 'compileSqlOnError: true']],
    tests: ['test/database/cut-quotes.test.ts'],
  },
  {
    name: 'a generation that overflows is let in',
    file: 'shared/event-log/event-schemas.ts',
    changes: [['generation.max(MAX_INTEGER - 1)', 'generation']],
    tests: ['test/read-model/projection/extremes.test.ts'],
  },
  {
    name: 'a UUID has two spellings',
    file: 'shared/event-log/schemas/shapes.ts',
    changes: [['id === id.toLowerCase()', 'id !== null']],
    tests: ['test/event-log/event-codec.test.ts'],
  },
  {
    name: 'unknown members of a person become columns',
    file: 'shared/accounts/person-columns.ts',
    changes: [['return { username, name, email, state: null }', 'return { ...person, state: null }']],
    tests: ['test/read-model/projection/extremes.test.ts'],
  },
  {
    name: 'an acknowledged offset that was folded before satisfies the wait',
    file: 'shared/read-model/commit/commit.ts',
    changes: [['if (position.offset >= next) return', 'if (position.offset >= 0 * next) return']],
    tests: ['test/token-endpoint/contradictions.test.ts'],
  },
  {
    name: 'a live grant without the generation that was folded is a refusal',
    file: 'shared/ledger/grant/commands/refresh.ts',
    changes: [["{ contradiction: 'generation_missing' }", "refusedAs('refresh_void')"]],
    tests: ['test/ledger/grant/commands/refresh.test.ts'],
  },
  {
    name: 'a refresh that came too late by the clock of the log is called a contradiction',
    file: 'shared/ledger/grant/commands/refresh.ts',
    changes: [['Math.max(now, logged_at, grant.at)', 'Math.max(now, 0 * logged_at)']],
    tests: ['test/ledger/grant/commands/refresh.test.ts'],
  },
  {
    name: 'a log that ends below what was folded goes on',
    file: 'services/projector/divergence.ts',
    changes: [['if (bound.end < checkpoint.next) return', 'if (bound.end < 0) return']],
    tests: ['test/projector/divergence.test.ts'],
  },
  {
    name: 'a topic that was made again is spliced in',
    file: 'services/projector/divergence.ts',
    changes: [['if (!first || !checkpoint.first_hash || ', 'if (!first || checkpoint || ']],
    tests: ['test/projector/divergence.test.ts'],
  },
  {
    name: 'another key under the same kid is served with',
    file: 'shared/process/soundness/key-soundness.ts',
    changes: [['return purposes.length === 0 ? []', 'return purposes.length >= 0 ? []']],
    tests: ['test/process/keys.test.ts'],
  },
  {
    name: 'a token of a key that is in use and not here is taken for a forged one',
    file: 'shared/read-model/reads/settled-token.ts',
    changes: [["if (known === 'introduced' ||", "if (known === 'retired' ||"]],
    tests: ['test/process/keys.test.ts'],
  },
  {
    name: 'a key that things were made with is introduced unproven',
    file: 'shared/process/soundness/introduce-key.ts',
    changes: [['uses.some((use) => use.kid === kid || isNeeded(use))', 'kid < 1']],
    tests: ['test/process/keys.test.ts'],
  },
  {
    name: 'a token of a retired key is good where somebody still has the key',
    file: 'shared/read-model/reads/settled-token.ts',
    changes: [["if (!presented || view.keys.get(presented.kid) === 'retired')", 'if (!presented)']],
    tests: ['test/process/keys.test.ts'],
  },
  {
    name: 'a key that living grants need is retired',
    file: 'services/admin/keys/retire-key.ts',
    changes: [['if (grants > 0) return', 'if (grants < 0) return']],
    tests: ['test/process/keys.test.ts'],
  },
  {
    name: 'a decompressor that stopped reading holds up its connection',
    file: 'shared/http/app/drop-rest.ts',
    changes: [['  req.unpipe()\n', '']],
    tests: ['test/http/app/drop-rest.test.ts'],
  },
  {
    name: 'a token that is not usable at the caller is told about by /check',
    file: 'services/token-check/check.ts',
    changes: [['if (!row || !isUsableAt(folders, row.scope, view.scopes))', 'if (!row)']],
    tests: ['test/token-check/check.test.ts'],
  },
  {
    name: 'paths match in any case and with a slash at their end',
    file: 'shared/http/app/create-app.ts',
    changes: [['{ sensitive: true, strict: true }', '{}']],
    tests: ['test/token-endpoint/pub-oauth.test.ts'],
  },
  {
    name: 'the answer to the last refresh holds a refresh token',
    file: 'shared/tokens/token-response.ts',
    changes: [
      [
        'return grant.refreshes_left !== 0 || generation < grant.access_generation',
        'return generation <= grant.access_generation',
      ],
    ],
    tests: ['test/token-endpoint/refresh-refused.test.ts'],
  },
  {
    name: 'a branch of a fold appends to the young generations of another',
    file: 'shared/ledger/grant/young.ts',
    changes: [['return isLatest && start', 'return (isLatest || start >= 0) && start']],
    tests: ['test/ledger/grant/young.test.ts'],
  },
  {
    name: 'statements are named behind a pooler',
    file: 'shared/database/open-database.ts',
    changes: [['{ ...first, name: undefined }', '{ ...first }']],
    tests: ['test/database/pooler.test.ts'],
  },
  {
    name: 'reads wait without bound',
    file: 'shared/database/batcher.ts',
    changes: [['if (waiting.length >= bound)', 'if (waiting.length >= Infinity)']],
    tests: ['test/database/batcher.test.ts'],
  },
  {
    name: 'a stamp later than now counts as fresh',
    file: 'shared/read-model/reads/freshness.ts',
    changes: [['if (stamp > now)', 'if (stamp === now + 0.5)']],
    tests: ['test/read-model/reads/settled.test.ts'],
  },
  {
    name: 'a stamp of a clock that was set back is believed once the clock has caught up',
    file: 'shared/read-model/stamps.ts',
    changes: [['first.age = Infinity', 'void first']],
    tests: ['test/read-model/stamps.test.ts'],
  },
  {
    name: 'a stamp ages by the clock of the database alone',
    file: 'shared/read-model/stamps.ts',
    changes: [['first.age + sentAt - first.seenAt', 'first.age']],
    tests: ['test/read-model/stamps.test.ts'],
  },
  {
    name: 'a stamp of the future is kept',
    file: 'shared/read-model/checkpoints.ts',
    changes: [['SET fresh_as_of = CASE WHEN c.fresh_as_of > asked.now', 'SET fresh_as_of = CASE WHEN false']],
    tests: ['test/read-model/checkpoints.test.ts'],
  },
  {
    name: 'whoever waits is satisfied by a stamp of the future',
    file: 'shared/read-model/position-waiter.ts',
    changes: [['fresh_as_of: stamps(seen, { stamp: seen.fresh_as_of, now, sentAt }),', '']],
    tests: ['test/read-model/checkpoints.test.ts'],
  },
  {
    name: 'a negative age is a grace',
    file: 'shared/ledger/grant/times.ts',
    changes: [['return madeAt <= ms && isWithinGrace', 'return isWithinGrace']],
    tests: ['test/ledger/grant/commands/refresh.test.ts'],
  },
  {
    name: 'a negative age is a theft',
    file: 'services/token-endpoint/grant-types/refresh-token.ts',
    changes: [['if (event) requireAge(command)', '']],
    tests: ['test/system/clocks.test.ts'],
  },
  {
    name: 'a refresh is decided while the clocks are a minute apart',
    file: 'services/token-endpoint/grant-types/refresh-token.ts',
    changes: [['endpoint.clocks.requireTogether()', '']],
    tests: ['test/system/clocks.test.ts'],
  },
  {
    name: 'tokens are issued while the clocks are a minute apart',
    file: 'shared/read-model/commit/commit.ts',
    changes: [['if (TIMED[fact.type]) clocks.requireTogether()', '']],
    tests: ['test/system/clocks.test.ts'],
  },
  {
    name: 'an issue is answered although its append shows the clocks to be a minute apart',
    file: 'shared/read-model/commit/commit.ts',
    changes: [["if (TIMED[fact.type] === 'first') clocks.requireTogether()", '']],
    tests: ['test/system/clocks.test.ts'],
  },
  {
    name: 'a broker that did not say its versions stays connected',
    file: 'shared/event-log/kafka/client/patches.ts',
    changes: [['  hangUpOnSilence()\n', '']],
    tests: ['test/event-log/kafka/silence.test.ts'],
  },
  {
    name: 'half of an answer is left to the next connection',
    file: 'shared/event-log/kafka/client/patches.ts',
    changes: [['  beginAfresh()\n', '']],
    tests: ['test/event-log/kafka/silence.test.ts'],
  },
  {
    name: "the library's word that an error is final ends the process",
    file: 'shared/event-log/kafka/follow.ts',
    changes: [['if (isForGood(error)) {', 'if (error) {']],
    tests: ['test/event-log/kafka/silence.test.ts'],
  },
  {
    name: 'a process that cannot append says that it is ready',
    file: 'services/cli/compose/serve.ts',
    changes: [['[...watched.problems(), ...appends.problems()]', '(appends, watched.problems())']],
    tests: ['test/system/silent-kafka.test.ts'],
  },
  {
    name: 'token-check needs the log to start',
    file: 'services/cli/compose/serve.ts',
    changes: [["const usesLog = logUseOf(names) !== 'none'", 'const usesLog = true']],
    tests: ['test/system/silent-kafka.test.ts'],
  },
  {
    name: 'two databases share one consumer group',
    file: 'shared/database/own-name.ts',
    changes: [['update(`${row.system_identifier}/${row.oid}`)', 'update(row.ledger_id)']],
    tests: ['test/cli/compose/two-installations.test.ts'],
  },
  {
    name: 'a new installation joins the topics of another',
    file: 'shared/process/ledger-id.ts',
    changes: [['if (issuers.includes(issuer)) return', 'if (!issuers.includes(`${issuer}?`)) return']],
    tests: ['test/cli/compose/two-installations.test.ts'],
  },
  {
    name: 'a refused migration leaves checkpoints of topics that are not its own',
    file: 'services/cli/compose/migrate.ts',
    changes: [
      [
        '  await log.create(shapeOf(topics))\n',
        '  await log.create(shapeOf(topics))\n  await readModelFor(parts, settings, tell)\n',
      ],
    ],
    tests: ['test/cli/compose/two-installations.test.ts'],
  },
  {
    name: 'a skip counts for a record of another hash',
    file: 'shared/event-log/skips.ts',
    changes: [['named.find((skip) => skip.sha256 === sha256)', "named.find((skip) => skip.sha256 !== '' || sha256)"]],
    tests: ['test/event-log/skips.test.ts'],
  },
  {
    name: 'a record that can be read is folded although it is named as skipped',
    file: 'shared/event-log/fold-log.ts',
    changes: [['    if (skip) {', '    if (skip && !record.value.includes("generation")) {']],
    tests: ['test/event-log/skips.test.ts'],
  },
  {
    name: 'a walk that stops does not look for skips again',
    file: 'shared/event-log/fold-log.ts',
    changes: [['      await skips.look()\n', '']],
    tests: ['test/event-log/skips.test.ts'],
  },
  {
    name: 'a stopped partition waits for a restart',
    file: 'services/projector/watch-stopped.ts',
    changes: [['await following.offer(mended)', 'void following']],
    tests: ['test/projector/skip.test.ts'],
  },
  {
    name: 'whatever a partition stopped at can be skipped, also what this release reads',
    file: 'services/cli/connect/skip-record.ts',
    changes: [
      ["if (stopped && isRefused(checkpoint.status_reason ?? '', wanted.offset)) return", 'if (stopped) return'],
    ],
    tests: ['test/cli/skip.test.ts'],
  },
  {
    name: 'an event counts although the guard decided it on another state',
    file: 'shared/ledger/registry/evolve.ts',
    changes: [
      ["event.data.guard_revision !== lookup.guardRevision() ? 'guard_moved' : null", 'event === null ? null : null'],
    ],
    tests: ['test/system/last-administrators.test.ts', 'test/ledger/registry/registry.test.ts'],
  },
  {
    name: 'the read model forgets where the counter of the guard stands',
    file: 'shared/read-model/checkpoints.ts',
    changes: [['guard_revision = coalesce(m.guard_revision, c.guard_revision)', 'guard_revision = c.guard_revision']],
    tests: ['test/read-model/projection/guard-revision.test.ts'],
  },
  {
    name: 'an administrator is sought among all users whom an ACL of the ledger names, of whom only so many are read',
    file: 'shared/read-model/reads/acting-grants.ts',
    changes: [["WHERE string_to_array(t.scope, ' ') && ?::text[]", 'WHERE ?::text[] IS NOT NULL']],
    tests: ['test/admin/lock-out.test.ts'],
  },
  {
    name: 'an administrator is sought among all clients whom an ACL of the ledger names, of whom only so many are read',
    file: 'shared/read-model/reads/registry.ts',
    changes: [["AND string_to_array(scope, ' ') && ?::text[] LIMIT", 'AND ?::text[] IS NOT NULL LIMIT']],
    tests: ['test/admin/lock-out.test.ts'],
  },
  {
    name: 'a user administers through a client that the guard no longer watches over',
    file: 'shared/ledger/access/administrators.ts',
    changes: [['.filter((name) => own.includes(name)).join', '.filter((name) => own.includes(name) || name).join']],
    tests: ['test/ledger/access/unguarded.test.ts', 'test/ledger/access/administrators.test.ts'],
  },
  {
    name: 'a user in the group of the administrators is one without a grant',
    file: 'shared/ledger/access/administrators.ts',
    changes: [
      ['user.enabled && scopes.some((scope) =>', "user.enabled && [...scopes, 'ledger.admin'].some((scope) =>"],
    ],
    tests: ['test/admin/lock-out.test.ts', 'test/ledger/access/administrators.test.ts'],
  },
  {
    name: 'a guarded write that lost a race is not decided again',
    file: 'services/admin/registry/write.ts',
    changes: [['return after.guard_revision > guard_revision ? null : notSeen(change)', 'return notSeen(change)']],
    tests: ['test/system/last-administrators.test.ts'],
  },
  {
    name: 'the last grant of the last administrator is ended',
    file: 'services/admin/grants/revoke-grant.ts',
    changes: [['(isGuarded ? admin.serially(endGuarded) : end())', '(isGuarded ? end() : endGuarded())']],
    tests: ['test/admin/lock-out.test.ts'],
  },
  {
    name: 'an access token that has run out is something to act with',
    file: 'shared/read-model/reads/acting-grants.ts',
    changes: [['WHERE b.exp > extract(epoch FROM now()) OR', 'WHERE b.exp > 0 OR']],
    tests: ['test/admin/lock-out.test.ts'],
  },
  {
    name: 'a recovery opens nothing',
    file: 'services/cli/compose/recover.ts',
    changes: [['return [...own, ...openingFacts(registry, client, revised)]', 'return openingFacts ? own : own']],
    tests: ['test/cli/recover.test.ts'],
  },
  {
    name: 'a verification takes a row that fell behind for right',
    file: 'services/audit/verify/expect-grants.ts',
    changes: [['    if (seenAt < offset && offset < next)', '    if (seenAt < offset && offset < 0)']],
    tests: ['test/audit/verify/rows.test.ts'],
  },
  {
    name: 'a verification excuses no late revocation',
    file: 'services/audit/verify/expect-grants.ts',
    changes: [['    if (late) lates++', '    if (late) lates += 0']],
    tests: ['test/audit/verify/swept.test.ts'],
  },
  {
    name: 'a late revocation excuses any count of void events',
    file: 'services/audit/verify/checkpoint.ts',
    changes: [
      [
        'voids <= void_count && void_count <= voids + lates',
        'voids <= void_count && (lates > 0 || void_count <= voids)',
      ],
    ],
    tests: ['test/audit/verify/swept.test.ts'],
  },
  {
    name: 'a verification wants a row that was swept before a late revocation',
    file: 'services/audit/verify/expect-grants.ts',
    changes: [['    if (late) return void absent.delete(grant_id)\n', '']],
    tests: ['test/audit/verify/swept.test.ts'],
  },
  {
    name: 'a verification does not want what it did not see',
    file: 'services/audit/verify/expect-grants.ts',
    changes: [['const isAbsent = !isSeen && ', 'const isAbsent = isSeen && ']],
    tests: ['test/audit/verify/verify.test.ts'],
  },
  {
    name: 'a verification wants rows that were made after it looked',
    file: 'services/audit/verify/expect-grants.ts',
    changes: [['(offset >= next || (isSeen && !lost))', 'isSeen && !lost']],
    tests: ['test/audit/verify/rows.test.ts'],
  },
  {
    name: 'a verification does not look at the terms of an authorization',
    file: 'services/audit/verify/row-digest.ts',
    changes: [['  if (json === null) return digest\n', '  if (digest) return digest\n']],
    tests: ['test/audit/verify/rows.test.ts'],
  },
  {
    name: 'a state that was written down forgets its young generations',
    file: 'services/audit/spill/state-text.ts',
    changes: [['    young: unpackYoung(issued[10]),', '    young: unpackYoung([]),']],
    tests: ['test/audit/spill/grant-states.test.ts'],
  },
  {
    name: 'a state that changed is not written down again',
    file: 'services/audit/spill/grant-states.ts',
    changes: [['      one.isWritten = false\n', '']],
    tests: ['test/audit/spill/grant-states.test.ts'],
  },
  {
    name: 'what is spilled keeps its name on the disk',
    file: 'services/audit/spill/temporary-file.ts',
    changes: [
      ['      rmSync(folder, { recursive: true })', "      if (folder === '') rmSync(folder, { recursive: true })"],
    ],
    tests: ['test/audit/spill/grant-states.test.ts'],
  },
  {
    name: 'a replay waits for what comes later',
    file: 'services/audit/replay/merge.ts',
    changes: [['  return items[at] ?? upTo', '  return items[at] ?? null']],
    tests: ['test/audit/replay/replay.test.ts'],
  },
  {
    name: 'sealed data of one person opens for another',
    file: 'shared/tokens/personal-data.ts',
    changes: [["'ledger_id', ledger_id, 'sub', sub]", "'ledger_id', ledger_id, 'sub', sub && '']"]],
    tests: ['test/tokens/personal-data.test.ts'],
  },
  {
    name: 'sealed data of one ledger opens in another',
    file: 'shared/tokens/personal-data.ts',
    changes: [["'ledger_id', ledger_id, 'sub', sub]", "'ledger_id', ledger_id && '', 'sub', sub]"]],
    tests: ['test/tokens/personal-data.test.ts'],
  },
  {
    name: 'a wrapped key is unwrapped with the current key, whatever its kid',
    file: 'shared/tokens/personal-data.ts',
    changes: [
      [
        "  const subkey = keys.subkey('person', kid)\n",
        "  const subkey = kid > 0 && keys.subkey('person', keys.current)\n",
      ],
    ],
    tests: ['test/tokens/personal-data.test.ts', 'test/accounts/people.test.ts'],
  },
  {
    name: 'two user names are told apart by letter case',
    file: 'shared/tokens/personal-data.ts',
    changes: [["update(foldedUsername(username), 'utf8')", "update(username, 'utf8')"]],
    tests: ['test/tokens/personal-data.test.ts', 'test/accounts/people.test.ts'],
  },
  {
    name: 'a forgotten sub is given a key again',
    file: 'shared/accounts/person-keys.ts',
    changes: [
      [
        "  if (found === 'forgotten') throw new PersonForgotten()\n  return found",
        "  if (found !== 'forgotten') return found\n" +
          "  await knex.raw('DELETE FROM ledger.persons WHERE sub = ?', [sub])\n  return insertKey(knex, sub, make)",
      ],
    ],
    tests: ['test/accounts/people.test.ts'],
  },
  {
    name: 'forgetting leaves the key where it is',
    file: 'shared/accounts/person-keys.ts',
    changes: [
      [
        'DO UPDATE SET key_id = NULL, kid = NULL, wrapped = NULL, forgotten_at = excluded.forgotten_at\n   WHERE p.forgotten_at IS NULL`',
        'DO NOTHING`',
      ],
    ],
    tests: ['test/accounts/people.test.ts'],
  },
  {
    name: 'a name that was opened before its person was forgotten is written all the same',
    file: 'shared/accounts/person-keys.ts',
    changes: [['SELECT v.version = ?::uuid AS same', 'SELECT (v.version = ?::uuid) IS NOT NULL AS same']],
    tests: ['test/admin/people/other-read-models.test.ts'],
  },
  {
    name: 'keys of persons are wrapped under a key that is another one than the log knows',
    file: 'services/cli/connect/rewrap.ts',
    changes: [['  await introduceKeys(read, settings, held)\n', '']],
    tests: ['test/accounts/rewrap.test.ts'],
  },
  {
    name: 'a service that has an older key first takes back what was wrapped anew',
    file: 'services/admin/keys/rewrap-keys.ts',
    changes: [['if (kid !== undefined && kid !== current)', 'if (kid === 0)']],
    tests: ['test/accounts/rewrap.test.ts'],
  },
  {
    name: 'whoever was wrapped under a retired key is lost without a word',
    file: 'shared/process/soundness/key-soundness.ts',
    changes: [
      [
        '    .filter(([kid]) => !keys.kids.includes(kid))\n',
        '    .filter(([kid]) => !keys.kids.includes(kid) && known.get(kid)?.deleted !== true)\n',
      ],
    ],
    tests: ['test/accounts/rewrap.test.ts'],
  },
  {
    name: 'a key that wraps keys of persons is retired as a lost one',
    file: 'services/admin/keys/retire-key.ts',
    changes: [['  return person_keys > 0 ? wrapping', '  return person_keys > 0 && !lost ? wrapping']],
    tests: ['test/accounts/rewrap.test.ts'],
  },
  {
    name: 'a void record that names a person in clear is not counted',
    file: 'shared/read-model/projection/project.ts',
    changes: [
      [
        'step.records.filter(({ event }) => namesInClear(event)).length',
        'step.records.filter(({ event }) => namesInClear(event)).length - ownVoids',
      ],
    ],
    tests: ['test/cli/plain-users.test.ts'],
  },
  {
    name: 'a secret is valid after its end',
    file: 'shared/ledger/client.ts',
    changes: [['now < previous_secret.expires_at * 1000 ?', 'now > 0 ?']],
    tests: ['test/callers/client-credentials.test.ts', 'test/admin/clients/secret.test.ts'],
  },
  {
    name: 'a renewal ends a secret that is in use, unasked',
    file: 'shared/ledger/client.ts',
    changes: [['overlap_seconds > 0 && ends === undefined', 'overlap_seconds < 0 && ends === undefined']],
    tests: ['test/admin/clients/secret.test.ts'],
  },
  {
    name: 'a secret of another algorithm is taken for a generated one',
    file: 'shared/tokens/client-secret.ts',
    changes: [[' && isVerifiable(stored)\n', '\n']],
    tests: ['test/admin/clients/jwks.test.ts'],
  },
  {
    name: 'a private key is kept with the public ones',
    file: 'services/admin/clients/jwks.ts',
    changes: [['member, NEVER.optional()]', 'member, z.unknown()]']],
    tests: ['test/admin/clients/jwks.test.ts'],
  },
  {
    name: 'a secret is made again for whoever has the key, not for whom it was made',
    file: 'shared/tokens/client-secret.ts',
    changes: [['JSON.stringify([principal, key, id, revision, salt])', 'JSON.stringify([key, id, revision, salt])']],
    tests: ['test/tokens/tokens.test.ts'],
  },
  {
    name: 'a secret is made again without the Idempotency-Key',
    file: 'shared/tokens/client-secret.ts',
    changes: [
      ['JSON.stringify([principal, key, id, revision, salt])', 'JSON.stringify([principal, id, revision, salt])'],
    ],
    tests: ['test/tokens/tokens.test.ts'],
  },
  {
    name: 'whoever lost the guard right is told again what it made with it',
    file: 'services/admin/registry/write-once.ts',
    changes: [['if (needsGuard(view, fact)) await', 'if (needsGuard(view, fact) && !entity.value) await']],
    tests: ['test/admin/clients/guard.test.ts'],
  },
  {
    name: 'an Idempotency-Key with another body is answered as if it were the same request',
    file: 'shared/accounts/idempotent-requests.ts',
    changes: [['  if (!equal) throw', "  if (!equal && route === '') throw"]],
    tests: ['test/admin/clients/idempotency.test.ts', 'test/admin/people/create-user-again.test.ts'],
  },
  {
    name: "a user of a sub that somebody else made is answered as one's own",
    file: 'services/admin/registry/write-once.ts',
    changes: [['  if (isOurs && !(await isOurs(entity))) return null\n', '']],
    tests: ['test/admin/people/create-user-again.test.ts'],
  },
  {
    name: 'a repeat makes a person again who was forgotten',
    file: 'shared/accounts/idempotent-requests.ts',
    changes: [
      ['  if (first.body_mac === null) throw new PersonForgotten()\n', '  if (first.body_mac === null) return made\n'],
    ],
    tests: ['test/admin/people/create-user-again.test.ts'],
  },
  {
    name: 'forgetting leaves what proves the body of a request',
    file: 'shared/read-model/projection/forgotten.ts',
    changes: [['    await tx.raw(forgetRequestsSql, [subs])\n', '']],
    tests: ['test/admin/people/create-user-again.test.ts'],
  },
  {
    name: 'what every ledger begins with can be deleted',
    file: 'services/admin/deletion/delete-entity.ts',
    changes: [['if (isPredefined(key)) throw', "if (isPredefined(key) && name === '') throw"]],
    tests: ['test/admin/deletion/delete.test.ts'],
  },
  {
    name: 'a scope that is made again counts for grants of before',
    file: 'shared/ledger/registry/naming.ts',
    changes: [
      [
        "stillNames(lookup(registryKey('scope', token)), since)",
        "stillNames(lookup(registryKey('scope', token)), Infinity)",
      ],
    ],
    tests: ['test/admin/deletion/rights-end.test.ts'],
  },
  {
    name: 'a group that is made again has the members of before',
    file: 'shared/ledger/registry/naming.ts',
    changes: [
      [
        "stillNames(lookup(registryKey('group', group)), since)",
        "stillNames(lookup(registryKey('group', group)), Infinity)",
      ],
    ],
    tests: ['test/admin/deletion/rights-end.test.ts'],
  },
  {
    name: 'a group is deleted just as it is let into the ledger',
    file: 'services/admin/deletion/delete-entity.ts',
    changes: [["underGuard: kind === 'group' || kind === 'acl'", 'underGuard: false']],
    tests: ['test/admin/deletion/delete.test.ts'],
  },
  {
    name: 'a list is not narrowed by what it is asked for',
    file: 'services/admin/lists/list-entities.ts',
    changes: [['filters: givenOnly(narrowing)', 'filters: givenOnly({})']],
    tests: ['test/admin/lists/lists.test.ts'],
  },
  {
    name: 'a list shows what was deleted',
    file: 'shared/read-model/lists/registry-page.ts',
    changes: [["{ sql: 'NOT t.deleted', bindings: [] }", "{ sql: 'true', bindings: [] }"]],
    tests: ['test/admin/lists/lists.test.ts'],
  },
  {
    name: 'a list is read with whatever right',
    file: 'services/admin/lists/list-entities.ts',
    changes: [['await requireRight(admin, ctx, right)', "await requireRight(admin, ctx, 'ledger.admin')"]],
    tests: ['test/admin/clients/guard.test.ts'],
  },
  {
    name: 'a list lacks what was answered for elsewhere',
    file: 'services/admin/lists/list-entities.ts',
    changes: [['    requireRecent(page.checkpoint, page.now, admin.checkMaxLagMs)\n', '']],
    tests: ['test/admin/lists/recency.test.ts'],
  },
  {
    name: 'a list forgets that what was granted before a revoke-all has ended',
    file: 'shared/read-model/lists/grant-status.ts',
    changes: [['g.registry_position <= coalesce', 'g.registry_position < coalesce']],
    tests: ['test/read-model/still-living.test.ts'],
  },
  {
    name: 'a page of grants that found few says that nothing is behind it',
    file: 'shared/read-model/lists/page.ts',
    changes: [['HAVING count(*) > 1)`', 'HAVING count(*) > 2)`']],
    tests: ['test/admin/grants/list.test.ts'],
  },
  {
    name: 'a key of a person whose wrapping key is not here is taken for lost',
    file: 'shared/accounts/people.ts',
    changes: [['if (missing !== undefined) throw', 'if (missing === -1) throw']],
    tests: ['test/projector/missing-key.test.ts'],
  },
  {
    name: 'a registry that waits for a key holds the grants of its statement up',
    file: 'services/projector/projector.ts',
    changes: [['if (error instanceof OperatorError) return error', 'if (error instanceof OperatorError) throw error']],
    tests: ['test/projector/missing-key.test.ts'],
  },
  {
    name: 'a wrong secret is not counted',
    file: 'shared/callers/authenticate-client.ts',
    changes: [['    await countFailedClient(', '    if (client?.client_id === "") await countFailedClient(']],
    tests: ['test/callers/failed-attempts.test.ts'],
  },
  {
    name: 'what fails for a client at one address shuts it out at every other',
    file: 'shared/accounts/limits/limits.ts',
    changes: [['one: await keyOf(subject, network)', 'one: await keyOf(subject)']],
    tests: ['test/callers/failed-attempts.test.ts'],
  },
  {
    name: 'what is refused for one subject is counted for its whole address',
    file: 'shared/accounts/limits/limits.ts',
    changes: [['      if (counted.wait > 0) return { wait: counted.wait, reached: null }\n', '']],
    tests: ['test/accounts/limits.test.ts'],
  },
  {
    name: 'an address that is refused goes on making rows',
    file: 'shared/accounts/limits/limits.ts',
    changes: [['if (known > 0) return { wait: known', 'if (known > 99) return { wait: known']],
    tests: ['test/accounts/limits.test.ts'],
  },
  {
    name: 'nothing bounds the table of failures',
    file: 'shared/accounts/limits/limits.ts',
    changes: [['      await clean()\n', '']],
    tests: ['test/accounts/limits.test.ts'],
  },
  {
    name: 'whoever has a /64 has as many attempts as addresses in it',
    file: 'shared/callers/event-context.ts',
    changes: [['groups.slice(0, 4)', 'groups.slice(0, 8)']],
    tests: ['test/callers/failed-attempts.test.ts'],
  },
  {
    name: 'an assertion that was used may be used for another request',
    file: 'shared/accounts/used-assertions.ts',
    changes: [['WHERE a.request_sha256 = excluded.request_sha256 OR a.', 'WHERE true OR a.']],
    tests: ['test/callers/used-assertions.test.ts'],
  },
  {
    name: 'an assertion for another server is taken',
    file: 'shared/callers/client-assertion.ts',
    changes: [['    audience: audiences,\n', '']],
    tests: ['test/callers/client-assertions.test.ts'],
  },
  {
    name: 'an assertion may be good for ever',
    file: 'shared/callers/client-assertion.ts',
    changes: [[' + MOST_S)', ' + 1e9)']],
    tests: ['test/callers/client-assertions.test.ts'],
  },
  {
    name: 'an assertion may be made in the future',
    file: 'shared/callers/client-assertion.ts',
    changes: [['if (iat > seconds + AHEAD_S)', 'if (iat > seconds + 1e9)']],
    tests: ['test/callers/client-assertions.test.ts'],
  },
  {
    name: 'an assertion proves a client that is to use its secret',
    file: 'shared/callers/client-assertion.ts',
    changes: [
      [
        "if (client?.client_id !== client_id || !client.enabled || client.token_endpoint_auth_method !== 'private_key_jwt')",
        'if (client?.client_id !== client_id || !client.enabled)',
      ],
    ],
    tests: ['test/callers/methods.test.ts'],
  },
  {
    name: 'HEAD does what GET does',
    file: 'shared/http/pub-oauth-paths.ts',
    changes: [["filter((method) => method !== 'HEAD')", 'filter(() => true)']],
    tests: ['test/token-endpoint/pub-oauth-get.test.ts'],
  },
  {
    name: 'a secret in the query of a GET is taken',
    file: 'shared/http/input/form-body.ts',
    changes: [['    refuseProofsInQuery(ctx.querystring)\n', '']],
    tests: ['test/token-endpoint/pub-oauth-get.test.ts'],
  },
  {
    name: 'getAccessToken refreshes',
    file: 'services/token-endpoint/app.ts',
    changes: [['getAccessToken: token(others)', 'getAccessToken: token(grants)']],
    tests: ['test/webmethods.test.ts'],
  },
  {
    name: 'without rotation a refresh token of the next generation is handed out',
    file: 'services/token-endpoint/grant-types/refresh-token.ts',
    changes: [['refresh: grant.refresh_rotation ? row : token', 'refresh: row']],
    tests: ['test/token-endpoint/no-rotation.test.ts'],
  },
  {
    name: 'without rotation the row of the refresh token is swept',
    file: 'shared/ledger/grant/sweepable.ts',
    changes: [
      ['[access_generation, refresh_generation].includes(token.generation)', 'access_generation === token.generation'],
    ],
    tests: ['test/ledger/grant/sweepable.test.ts'],
  },
  {
    name: 'a client of private_key_jwt is registered without keys',
    file: 'services/admin/clients/client-metadata.ts',
    changes: [["when(method === 'private_key_jwt' && jwks == null, [", 'when(false, [']],
    tests: ['test/admin/clients/jwks.test.ts'],
  },
  {
    name: 'a wrong password is not counted',
    file: 'shared/callers/failed-attempts.ts',
    changes: [
      ['proven.refused ? await passwords.failed(attempt)', 'proven.refused === 1 ? await passwords.failed(attempt)'],
    ],
    tests: ['test/token-endpoint/password-limits.test.ts'],
  },
  {
    name: 'a code is exchanged with any code_verifier',
    file: 'shared/tokens/pkce.ts',
    changes: [
      [
        "return isSame(made, code_challenge) ? 'right' : 'wrong'",
        "return isSame(made, code_challenge) ? 'right' : 'right'",
      ],
    ],
    tests: ['test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a code is exchanged without a code_verifier',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [["if (verification === 'right') return null", "if (verification !== 'wrong') return null"]],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a code is exchanged with any redirect_uri',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [['if (redirect_uri !== code.redirect_uri) return', 'if (!redirect_uri !== !code.redirect_uri) return']],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a code is exchanged without its redirect_uri',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [
      [
        'if (redirect_uri !== code.redirect_uri) return',
        'if (redirect_uri && redirect_uri !== code.redirect_uri) return',
      ],
    ],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a code is exchanged by any client',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [
      ["if (state.client_id !== command.client_id) return refusedBecause('client_mismatch')", 'void command.client_id'],
    ],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'an event of another client exchanges a code',
    file: 'shared/ledger/grant/evolve.ts',
    changes: [["if (state.client_id !== client_id) return 'client_mismatch'", 'void client_id']],
    tests: ['test/ledger/grant/evolve.test.ts'],
  },
  {
    name: 'a code is exchanged whatever ended since the consent',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [['deadBecause({ grant: state,', 'deadBecause({ grant: { ...state, registry_position: Infinity },']],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'what is exchanged rests on the registry of the exchange, not of the consent',
    file: 'shared/ledger/grant/evolve.ts',
    changes: [
      [
        'const terms = { ...state.terms, kid: data.kid }',
        'const terms = { ...state.terms, kid: data.kid, registry_position: state.registry_position + 1 }',
      ],
    ],
    tests: ['test/ledger/grant/evolve.test.ts'],
  },
  {
    name: 'a code that comes again ends its grant within the grace too',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [
      [
        'isSurelyWithinGrace(first.projected_at, now, command.refresh_grace_seconds)',
        'isSurelyWithinGrace(first.projected_at, now, 0)',
      ],
    ],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a code that comes again after the grace harms nobody',
    file: 'shared/ledger/grant/commands/exchange.ts',
    changes: [['if (first && isSurelyWithinGrace(', 'if (first || isSurelyWithinGrace(']],
    tests: ['test/ledger/grant/commands/exchange.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'the exchange of a code of an unknown grant counts',
    file: 'shared/ledger/grant/evolve.ts',
    changes: [
      [
        "if (state.status !== 'authorized') return { state, void: notAuthorized(state) }",
        "if (state.status !== 'authorized') return state.status === 'unknown' ? { state } : { state, void: notAuthorized(state) }",
      ],
    ],
    tests: ['test/ledger/grant/evolve.test.ts'],
  },
  {
    name: 'a password of before counts again',
    file: 'shared/accounts/passwords/rules.ts',
    changes: [['epoch === password_epoch ||', 'epoch <= password_epoch ||']],
    tests: ['test/admin/passwords/password.test.ts'],
  },
  {
    name: 'a password that is pending counts two ahead of the log',
    file: 'shared/accounts/passwords/rules.ts',
    changes: [['epoch === password_epoch + 1', 'epoch <= password_epoch + 2']],
    tests: ['test/admin/passwords/password.test.ts'],
  },
  {
    name: 'a disabled user is granted tokens',
    file: 'shared/callers/authenticate-user.ts',
    changes: [["if (!account.user.value.enabled) return 'user_disabled'", 'void account.user.value.enabled']],
    tests: ['test/token-endpoint/password.test.ts'],
  },
  {
    name: 'a password is another one in another form of its umlauts',
    file: 'shared/accounts/passwords/rules.ts',
    changes: [["password.normalize('NFC')", 'password']],
    tests: ['test/token-endpoint/password.test.ts'],
  },
  {
    name: 'whoever has the table of passwords can try them',
    file: 'shared/accounts/passwords/hashing.ts',
    changes: [["return createHmac('sha256', pepper).update(scrypted).digest()", 'return scrypted']],
    tests: ['test/accounts/hashing.test.ts'],
  },
  {
    name: 'a deleted user leaves the epoch of the password as it was',
    file: 'shared/ledger/registry/evolve.ts',
    changes: [["event.type === 'UserDeleted' ? epoch + 2 : epoch", 'epoch']],
    tests: [
      'test/ledger/registry/registry.test.ts',
      'test/ledger/properties.test.ts',
      'test/admin/passwords/password.test.ts',
    ],
  },
  {
    name: 'a deleted user passes on a password that was being set',
    file: 'shared/ledger/registry/evolve.ts',
    changes: [["event.type === 'UserDeleted' ? epoch + 2 : epoch", "event.type === 'UserDeleted' ? epoch + 1 : epoch"]],
    tests: ['test/ledger/registry/registry.test.ts'],
  },
  {
    name: 'another password ends nothing of before',
    file: 'shared/ledger/registry/kinds.ts',
    changes: [
      [
        "UserPasswordSet: { kind: 'user', needs: 'living', endsGrants: true }",
        "UserPasswordSet: { kind: 'user', needs: 'living', endsGrants: false }",
      ],
    ],
    tests: ['test/ledger/registry/registry.test.ts', 'test/token-endpoint/authorization-code.test.ts'],
  },
  {
    name: 'a password that is typed in a terminal is shown',
    file: 'services/cli/commands/read-secret.ts',
    changes: [['input: process.stdin, output, terminal', 'input: process.stdin, output: process.stderr, terminal']],
    tests: ['test/cli/passwords-and-codes.test.ts'],
  },
  {
    name: 'a password from a file has the end of its line',
    file: 'services/cli/commands/read-secret.ts',
    changes: [["(await text(process.stdin)).replace(/\\r?\\n$/, '')", 'await text(process.stdin)']],
    tests: ['test/cli/passwords-and-codes.test.ts'],
  },
  {
    name: 'grants are folded with people of nobody, and the users beside them as well',
    file: 'shared/read-model/projection/project.ts',
    changes: [['registryEvents.length === 0 ? step', 'registryEvents.length < 0 ? step']],
    tests: ['test/read-model/projection/project.test.ts'],
  },
  {
    name: 'the metadata leaves out a grant type that works',
    file: 'services/token-endpoint/metadata.ts',
    changes: [['grant_types_supported: grantTypes', 'grant_types_supported: grantTypes.slice(1)']],
    tests: ['test/token-endpoint/metadata.test.ts'],
  },
  {
    name: 'a state with a plus sign comes back as a blank',
    file: 'services/authorize/request/answer-client.tsx',
    changes: [['encodeURIComponent(value)', 'encodeURI(value)']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'an answer to a client does not say whose it is',
    file: 'services/authorize/request/answer-client.tsx',
    changes: [[', iss: authorize.issuer }', ' }']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'a repeated redirect_uri counts as its first value',
    file: 'services/authorize/request/prove-client.ts',
    changes: [['parameters.get(name).length > 1 ||', 'parameters.get(name).length > 9 ||']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'a disabled client is answered',
    file: 'services/authorize/request/prove-client.ts',
    changes: [['!client?.enabled', '!client']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'a form of another browser logs in',
    file: 'services/authorize/login/login.ts',
    changes: [['|| !isOfThisBrowser(authorize, ctx, form)', '']],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'names that are opened once more are written while somebody is forgotten',
    file: 'shared/read-model/projection/forgotten.ts',
    changes: [["    await tx.raw('SELECT FROM ledger.persons_version FOR SHARE')\n", '']],
    tests: ['test/admin/people/other-read-models.test.ts'],
  },
  {
    name: 'a login page that was open for a day logs in',
    file: 'services/authorize/login/login.ts',
    changes: [['if (expired || ', 'if (']],
    tests: ['test/authorize/left-open.test.ts'],
  },
  {
    name: 'a consent page that was open for a day allows',
    file: 'services/authorize/consent/consent.ts',
    changes: [['if (unpacked.expired || ', 'if (']],
    tests: ['test/authorize/left-open.test.ts'],
  },
  {
    name: 'whoever asks for a link waits for the mailer, if there is one to send',
    file: 'services/authorize/account/forgot.tsx',
    changes: [['      void sendLink(', '      await sendLink(']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'a form of a neighbouring site logs in',
    file: 'services/authorize/login/onward.ts',
    changes: [["=== 'same-origin'", "!== 'cross-site'"]],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'logins go before refreshes',
    file: 'shared/accounts/passwords/scrypt-thread.ts',
    changes: [['PRIORITY_LOW', 'PRIORITY_NORMAL']],
    tests: ['test/accounts/scrypt.test.ts'],
  },
  {
    name: 'who logs in again has pages open that do not count',
    file: 'shared/accounts/sessions/sessions.ts',
    changes: [
      [
        'WHERE id_sha256 = :before::bytea AND sub = :sub RETURNING sid',
        'WHERE id_sha256 = :before::bytea AND sub = :sub AND false RETURNING sid',
      ],
    ],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'a login of before fulfils prompt=login',
    file: 'shared/accounts/sessions/login-time.ts',
    changes: [["if (prompt.includes('login') || prompt.includes('select_account')) return false", '']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a login for prompt=login is never enough',
    file: 'shared/accounts/sessions/login-time.ts',
    changes: [['if (auth_time >= received_at) return true', '']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a consent is remembered of public clients',
    file: 'services/authorize/consent/asked.ts',
    changes: [["client.client_type === 'confidential' && ", '']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a consent is remembered for less than was asked',
    file: 'services/authorize/consent/asked.ts',
    changes: [['names.every((name) => one.includes(name))', 'names.some((name) => one.includes(name))']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a consent of another login counts',
    file: 'services/authorize/consent/consent.ts',
    changes: [['unpacked.expired || session.sid !== sid ||', 'unpacked.expired ||']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a scope is granted that was not ticked',
    file: 'services/authorize/consent/asked.ts',
    changes: [['.filter((name) => ticked.includes(name))', '']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'each Approve of one page makes a grant',
    file: 'services/authorize/consent/consent.ts',
    changes: [['await authorize.grantOf(consent_id, uuidv7())', 'await authorize.grantOf(uuidv7(), uuidv7())']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a one-time link counts again after its password was set',
    file: 'services/authorize/account/new-password.ts',
    changes: [['if (barred || hasEndedWith(user, right.registry_position))', 'if (barred)']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'a one-time link sets the password of one who became an administrator',
    file: 'services/authorize/account/new-password.ts',
    changes: [['if (barred || hasEndedWith', 'if (hasEndedWith']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'a one-time link outlives the change of a password, where it is opened',
    file: 'services/authorize/account/set-password.tsx',
    changes: [['!entityProblem(user, link.registry_position)', '!user.deleted']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'forms of the account count without the value of their session',
    file: 'services/authorize/account/own-page.ts',
    changes: [["!belongsTo(authorize, ctx, 'session', form)", 'false']],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: "the access of somebody else's applications can be ended",
    file: 'services/authorize/account/access.tsx',
    changes: [[' || grant.principal.id !== sub', '']],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a session lives on when the password is changed',
    file: 'shared/accounts/sessions/ended.ts',
    changes: [['entityProblem(user, session.registry_position)', 'entityProblem(user, Infinity)']],
    tests: ['test/accounts/sessions.test.ts'],
  },
  {
    name: 'sessions of a forgotten person stay',
    file: 'shared/read-model/projection/forgotten.ts',
    changes: [['    await tx.raw(forgetSessionsSql, [subs])\n', '']],
    tests: ['test/audit/people/export.test.ts'],
  },
  {
    name: 'an approval that is repeated gives another grant',
    file: 'shared/accounts/sessions/approvals.ts',
    changes: [['DO UPDATE SET grant_id = a.grant_id', 'DO UPDATE SET grant_id = excluded.grant_id']],
    tests: ['test/accounts/sessions.test.ts'],
  },
  {
    name: 'a person is sent as many links as anybody asks for',
    file: 'services/authorize/account/forgot.tsx',
    changes: [['sent.some(({ created_at }) => created_at > now - AGAIN_MS)', 'false']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'a request object that nobody read counts as no parameter',
    file: 'services/authorize/request/authorization-request.ts',
    changes: [["if (of('request') !== null) return", "if (of('request') === '') return"]],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'a person logs in for a request that is refused after that',
    file: 'services/authorize/request/proceed.ts',
    changes: [['if (refusal) return answerRefusal(ctx, authorize, to, refusal)\n', '']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'an app of a phone is sent to by a redirect alone',
    file: 'services/authorize/request/answer-client.tsx',
    changes: [['if (/^https?:/i.test(redirect_uri) || unseen)', 'if (redirect_uri)']],
    tests: ['test/authorize/request.test.ts'],
  },
  {
    name: 'a login keeps the id that the browser came with',
    file: 'services/authorize/sessions.ts',
    changes: [
      [
        "const id = cookies.renew(ctx, 'session', remember ? lives.lifetime : undefined)",
        "const id = replaces ?? cookies.renew(ctx, 'session', remember ? lives.lifetime : undefined)",
      ],
    ],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'the cookies come over plain HTTP as well',
    file: 'shared/pages/cookies.ts',
    changes: [["${secure ? '; Secure' : ''}", '']],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'a form of another site brings the cookies',
    file: 'shared/pages/cookies.ts',
    changes: [['; SameSite=Lax', '']],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'a value that comes back with a form is read without its MAC',
    file: 'shared/tokens/form-mac.ts',
    changes: [
      [
        'if (more.length > 0 || !isMac(keys, kid, purpose, payload, mac)) return null',
        'if (more.length > 0 || !mac || !kid || !keys || !purpose) return null',
      ],
    ],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a consent form of another browser counts',
    file: 'services/authorize/consent/consent.ts',
    changes: [['|| !isOfThisBrowser(authorize, ctx, form))', '|| !form)']],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'whatever is pressed on the consent page allows',
    file: 'services/authorize/consent/consent.ts',
    changes: [
      [
        '    default:\n      return seeOther(ctx, addressOf(authorize, onwardOf(proven, request)))',
        '    default:\n      return approve(authorize, ctx, deciding)',
      ],
    ],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: 'a client that was changed since it asked is answered as it was',
    file: 'services/authorize/request/prove-client.ts',
    changes: [['if (problem !== null) throw', "if (problem !== null && grant_id === '') throw"]],
    tests: ['test/authorize/consent.test.ts'],
  },
  {
    name: "anybody's session ends by its number",
    file: 'shared/accounts/sessions/sessions.ts',
    changes: [
      [
        "'DELETE FROM ledger.sessions WHERE sub = ? AND sid::text = ? RETURNING 1',\n    [sub, sid]",
        "'DELETE FROM ledger.sessions WHERE ?::text <> \\'\\' AND sid::text = ? RETURNING 1',\n    [sub, sid]",
      ],
    ],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a logout counts without the value of its session',
    file: 'services/authorize/account/logout.tsx',
    changes: [[" && belongsTo(authorize, ctx, 'session', form)", '']],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a logout leaves the session where it is stored',
    file: 'services/authorize/account/logout.tsx',
    changes: [['isOurs ? await endSession(authorize.passwords.knex, id) : null', 'null']],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a password is changed without the one of before',
    file: 'services/authorize/account/change-password.tsx',
    changes: [
      [
        "if (proven.refused || proven.sub !== session.sub)\n    return showChange(authorize, ctx, own, { problem: 'current_password_wrong' })\n  const { sub } = session\n  const right = { sub, registry_position: proven.view.registry.next, guarded: true }",
        'const { sub } = session\n  const right = { sub, registry_position: session.registry_position, guarded: true }',
      ],
    ],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a page says was done whatever its address says',
    file: 'services/authorize/account/own-page.ts',
    changes: [
      [
        'const done = told && !told.expired ? String(told.value) : undefined',
        "const done = form['done'] ?? (told ? '' : undefined)",
      ],
    ],
    tests: ['test/authorize/account/account.test.ts'],
  },
  {
    name: 'a form of another browser spends a one-time link',
    file: 'services/authorize/account/set-password.tsx',
    changes: [["if (problem || !belongsTo(authorize, ctx, 'browser', form))", 'if (problem)']],
    tests: ['test/authorize/account/links.test.ts'],
  },
  {
    name: 'a POST of another site is asked without its cookies',
    file: 'services/authorize/request/authorization.ts',
    changes: [["return ctx.method === 'POST' && cookies", "return ctx.method === 'PUT' && cookies"]],
    tests: ['test/authorize/login.test.ts'],
  },
  {
    name: 'a login application that says when somebody logged in is believed whatever was asked',
    file: 'services/admin/login/login-requests.ts',
    changes: [['        requireRecentLogin(challenge, auth_time)\n', '']],
    tests: ['test/authorize/login-application.test.ts'],
  },
  {
    name: 'an answer of a login application counts in another browser',
    file: 'shared/accounts/sessions/login-outcomes.ts',
    changes: [['WHERE id = ? AND browser = ? AND used_at', 'WHERE id = ? AND ?::text IS NOT NULL AND used_at']],
    tests: ['test/authorize/login-application.test.ts'],
  },
  {
    name: 'a login application makes an administrator by a group',
    file: 'services/admin/login/accept-person.ts',
    changes: [['  if (wrong.length === 0) return\n', '  if (wrong.length >= 0) return\n']],
    tests: ['test/authorize/login-application.test.ts'],
  },
  {
    name: 'the time of a login at a provider is not judged',
    file: 'services/authorize/upstream/callback.ts',
    changes: [['if (!isToldEnough(onward, told))', 'if (false)']],
    tests: ['test/authorize/upstream/auth-time.test.ts'],
  },
  {
    name: 'a provider that does not say when the login was fulfils max_age',
    file: 'services/authorize/login/told-login.ts',
    changes: [['auth_time === undefined ? onward.request.max_age === null', 'auth_time === undefined ? true']],
    tests: ['test/authorize/upstream/auth-time.test.ts'],
  },
  {
    name: 'a browser is sent to a provider that died',
    file: 'services/authorize/upstream/cached.ts',
    changes: [['return value((error) => !isAway(error))', 'return value(() => true)']],
    tests: ['test/authorize/upstream/provider.test.ts'],
  },
  {
    name: 'a provider may sign with a key that it does not publish',
    file: 'services/authorize/upstream/provider.ts',
    changes: [
      [
        "await verified(tokens.id_token ?? '', settings, keys)",
        '{ ...tokens.claims(), sub: String(tokens.claims()?.sub) }',
      ],
    ],
    tests: ['test/authorize/upstream/provider.test.ts'],
  },
  {
    name: 'a group that ledger.* names comes from a provider',
    file: 'services/authorize/upstream/groups.ts',
    changes: [[' && !guarded.includes(group)', '']],
    tests: ['test/authorize/upstream/login.test.ts'],
  },
  {
    name: 'a login at a provider is linked to whoever comes back with it',
    file: 'services/authorize/upstream/callback.ts',
    changes: [['if (session?.sid !== link)', 'if (!session)']],
    tests: ['test/authorize/upstream/login.test.ts'],
  },
]
