/** The page: a log-in, a signed call, and the devices of the person who is logged in. */

import { AuthError, createAuthClient } from './authsession/index.js'
import './authsession/element.js'
import { endOthers, showDevices } from './devices.js'
import { find, make } from './dom.js'

const settings = await (await fetch('settings.json')).json()
const auth = createAuthClient({ baseUrl: settings.api, publicHost: settings.publicHost ?? undefined })

const ENDINGS = {
  logged_out: 'You are logged out, and this browser has deleted its key.',
  session_revoked: 'This session was ended, so this browser has deleted its key.',
  session_unknown: 'The server does not know this session any more, so this browser has deleted its key.',
  key_lost: 'This browser has lost its key, because its storage was cleared. Log in again.',
}

function show(session, reason) {
  find('signed-out').hidden = session !== null
  find('signed-in').hidden = find('log-out').hidden = session === null
  find('notice').textContent = ENDINGS[reason] ?? ''
  find('mailbox').hidden = true
  if (session) greet(session)
  if (reason === 'logged_in' && document.hasFocus()) find('greeting').focus()
}

function greet({ deviceSessionId, keyProtection }) {
  const isHidden = keyProtection === 'non-extractable'
  find('protection').textContent = isHidden ? 'No script can read the key' : 'Software key: scripts can read it'
  find('protection').className = isHidden ? 'badge good' : 'badge fair'
  find('session').textContent = deviceSessionId
  find('result').replaceChildren()
  void showDevices(auth)
}

async function callGateway() {
  const began = performance.now()
  try {
    const answer = await auth.fetch(`${settings.gateway}/whoami`)
    showAnswer(answer.status, await answer.json(), performance.now() - began)
  } catch (fault) {
    const isTold = fault instanceof AuthError && fault.code !== 'network_error'
    find('result').replaceChildren(
      make('p', { className: 'fault' }, isTold ? fault.message : 'No answer. Start the gateway in this folder:'),
      ...(isTold ? [] : [make('pre', {}, '.venv/bin/python -m examples.gateway')]),
    )
  }
}

function showAnswer(status, content, milliseconds) {
  const told = content.error ? `${status} ${content.error.code}` : `${status}`
  const took = make('span', { className: 'muted' }, `${milliseconds.toFixed(0)} ms`)
  find('result').replaceChildren(
    make('p', {}, make('span', { className: `badge ${content.error ? 'bad' : 'good'}` }, told), ' ', took),
    make('pre', {}, JSON.stringify(content, null, 2)),
  )
  // The refusal has ended the session here: the result is out of sight.
  if (content.error && !auth.session) find('notice').prepend(`The gateway answered ${told}. `)
}

/** The element's client. It notes the address, so that the page can show the code in development. */
let email = ''
const noted = {
  get session() {
    return auth.session
  },
  ready: () => auth.ready(),
  onChange: (listener) => auth.onChange(listener),
  confirmCode: (challenge, code, options) => auth.confirmCode(challenge, code, options),
  async sendCode(address, options) {
    const challenge = await auth.sendCode(address, options)
    email = address
    find('mailbox').hidden = false
    find('mailed-code').textContent = ''
    return challenge
  },
}

async function showCode() {
  const { code } = await (await fetch(`mailbox?${new URLSearchParams({ email })}`)).json()
  find('mailed-code').textContent = code ?? 'It is not here yet. Try again in a second.'
}

find('request').textContent = `GET ${settings.gateway}/whoami`
find('development').hidden = !settings.hasMailbox
document.querySelector('authsession-login').client = noted
find('call').addEventListener('click', callGateway)
find('show-code').addEventListener('click', showCode)
find('log-out').addEventListener('click', () => auth.logOut())
find('end-others').addEventListener('click', () => endOthers(auth))
find('refresh').addEventListener('click', () => showDevices(auth))
document.addEventListener('visibilitychange', () => {
  // Another device may have come or gone. A name that is being typed stays.
  if (!document.hidden && auth.session && !find('devices').querySelector('form')) void showDevices(auth)
})
auth.onChange(show)
if (!(await auth.ready())) show(null)
