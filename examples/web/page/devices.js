/** The list of devices: names, last uses, and the buttons that end or rename them. */

import { find, make } from './dom.js'

const moments = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
const OVER = new Set(['session_revoked', 'session_unknown', 'not_logged_in'])
const days = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' })

/** Reads the list anew and shows it, with a text that screen readers announce. */
export async function showDevices(auth, text = '') {
  find('told').textContent = text
  const devices = await attempt(() => auth.devices.list())
  if (!devices) return
  const rows = devices.map((device) => row(auth, device))
  find('devices').replaceChildren(...rows)
  find('end-others').hidden = devices.length < 2
}

/** Ends every session of the person but this one. */
export async function endOthers(auth) {
  const ended = await attempt(() => auth.devices.revokeOthers())
  if (!ended) return
  const count = ended.affectedSessionCount
  await showDevices(auth, count === 1 ? 'The other device is logged out.' : `${count} other devices are logged out.`)
}

function row(auth, device) {
  const item = make('li', {}, about(device))
  item.dataset.device = device.deviceSessionId
  if (device.isCurrent) item.append(button('Rename', () => item.replaceChildren(nameForm(auth, device))))
  else item.append(button('Log out', () => end(auth, device), { className: 'quiet danger', ariaLabel: `Log out ${nameOf(device)}` }))
  return item
}

function about(device) {
  const name = make('p', { className: 'name' }, nameOf(device))
  if (device.isCurrent) name.append(' ', make('span', { className: 'badge' }, 'This device'))
  const since = make('span', {}, `Logged in ${moments.format(new Date(device.createdAt))}`)
  const seen = device.lastSeenOn ? `Last used ${days.format(new Date(device.lastSeenOn))}` : 'No use reported yet'
  return make('div', {}, name, make('p', { className: 'muted' }, since, make('span', {}, seen)))
}

function nameForm(auth, device) {
  const field = make('input', { value: device.label ?? '', maxLength: 64, required: true, ariaLabel: 'Name of this device' })
  const form = make('form', { className: 'row' }, field, make('button', { className: 'primary' }, 'Save'))
  form.append(button('Cancel', () => showDevices(auth)))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void rename(auth, field.value.trim())
  })
  queueMicrotask(() => field.select())
  return form
}

async function rename(auth, label) {
  const isNamed = await attempt(() => auth.devices.rename(label).then(() => true))
  if (isNamed) await showDevices(auth, 'This device has a new name.')
  keepCursor()
}

async function end(auth, device) {
  const ended = await attempt(() => auth.devices.revoke(device.deviceSessionId))
  if (ended) await showDevices(auth, `${nameOf(device)} is logged out. Its next call is refused.`)
  keepCursor()
}

/** The button that had the cursor is gone. The keyboard goes on from here. */
function keepCursor() {
  if (document.activeElement === document.body) find('refresh').focus()
}

/** The result; undefined after a failure, which is then shown. */
async function attempt(action) {
  try {
    return await action()
  } catch (fault) {
    // The end of the own session has a notice of its own.
    if (OVER.has(fault.code)) return undefined
    find('told').textContent =
      fault.code === 'network_error' ? 'The public API does not answer. Is `make run` still running?' : fault.message
    return undefined
  }
}

function button(text, onClick, more = {}) {
  const made = make('button', { type: 'button', className: 'quiet', ...more }, text)
  made.addEventListener('click', onClick)
  return made
}

const nameOf = (device) => device.label ?? 'A device without a name'
