// A real OpenID provider for tests: node provider.mjs PORT REDIRECT_URI
//
// Any name and password signs in; the name is the subject, and names with "admin" are also in the
// group "admins". `POST /rotate?alg=ES256` replaces the signing key. Prints "ready" when it listens.
import { createServer } from 'node:http'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { Provider } from 'oidc-provider'

const [port, redirect] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`

const key = alg => {
  const { privateKey } = alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() }
}

const accounts = {
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: id,
      email: `${id}@example.org`,
      groups: id.includes('admin') ? ['staff', 'admins'] : ['staff'],
    }),
  }),
}

const provider = alg => new Provider(issuer, {
  ...accounts,
  clients: [{
    client_id: 'flow',
    client_secret: 'secret+of&the%test',
    redirect_uris: [redirect],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    id_token_signed_response_alg: alg,
  }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email'] },
  cookies: { keys: ['key of the test'] },
  jwks: { keys: [key(alg)] },
  features: { devInteractions: { enabled: true } },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
})

let handle = provider('RS256').callback()
createServer((request, response) => {
  const url = new URL(request.url, issuer)
  if (url.pathname === '/rotate') {
    handle = provider(url.searchParams.get('alg')).callback()
    response.end()
  } else {
    handle(request, response)
  }
}).listen(Number(port), '127.0.0.1', () => console.log('ready'))
