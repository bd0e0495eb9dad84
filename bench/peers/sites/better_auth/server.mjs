// better-auth as its documentation sets it up: emailOTP, Postgres by a pg Pool, Node's http server, here in a cluster.
//   node server.mjs migrate   creates the tables
//   node server.mjs           serves with WORKERS processes until it is killed
// Settings come from the environment; the mail hook hands each code to a datagram socket on SINK_PORT.
import cluster from "node:cluster"
import dgram from "node:dgram"
import http from "node:http"
import { betterAuth } from "better-auth"
import { getMigrations } from "better-auth/db/migration"
import { toNodeHandler } from "better-auth/node"
import { emailOTP } from "better-auth/plugins"
import { Pool } from "pg"

const { DATABASE_URL, LIMITS, PORT, SINK_PORT, WORKERS } = process.env
const sink = dgram.createSocket("udp4")

const auth = betterAuth({
  database: new Pool({ connectionString: DATABASE_URL }),
  // Limits at their defaults, or off.
  ...(LIMITS === "off" ? { rateLimit: { enabled: false } } : {}),
  plugins: [
    emailOTP({
      // Not awaited, as the documentation advises.
      async sendVerificationOTP({ email, otp }) {
        sink.send(`${email}\n${otp}`, Number(SINK_PORT), "127.0.0.1")
      },
    }),
  ],
})

if (process.argv[2] === "migrate") {
  const { runMigrations } = await getMigrations(auth.options)
  await runMigrations()
  process.exit(0)
} else if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(WORKERS); worker++) cluster.fork()
} else {
  http.createServer(toNodeHandler(auth)).listen(Number(PORT), "127.0.0.1")
}
