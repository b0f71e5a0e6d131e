import Router from '@koa/router'
import Koa from 'koa'
import bodyParser from 'koa-bodyparser'

/** The limit: Koa, router and body parser that answer the same bytes to the same request, and do nothing else. */
const app = new Koa()
const router = new Router()
const body = JSON.parse(process.argv[2] ?? '{}') as object | string
const headers = JSON.parse(process.argv[3] ?? '{}') as Record<string, string>

router.post('/oauth2/token', (ctx) => {
  ctx.set(headers)
  ctx.body = body
})
router.get(/.*/, (ctx) => {
  ctx.set(headers)
  ctx.body = body
})
app.use(bodyParser())
app.use(router.routes())

const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address ? address.port : 0 })
})
