/** Makes and fills DOM nodes. No text becomes markup, so that Trusted Types have nothing to refuse. */

type Attributes = Readonly<Record<string, string>>

export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

/** Changes only what differs: a screen reader hears nothing twice, and a selection stays. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text
}

/** `text` with `value` in the place of `{email}`, emphasised and kept apart from the text's direction. */
export function setTextWithEmail(node: Element, text: string, value: string): void {
  const [before = '', after = ''] = text.split('{email}')
  if (node.textContent === before + value + after) return
  node.replaceChildren(before, make('bdi', { part: 'address' }, value), after)
}

/** An attribute without a value, or none. */
export function setFlag(element: Element, name: string, isOn: boolean): void {
  element.toggleAttribute(name, isOn)
}

/** `true`, or no attribute. */
export function setAria(element: Element, name: string, isOn: boolean): void {
  if (isOn) element.setAttribute(`aria-${name}`, 'true')
  else element.removeAttribute(`aria-${name}`)
}
