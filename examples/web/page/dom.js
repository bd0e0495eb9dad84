/** DOM nodes without markup in strings, so that the page's policy can forbid it. */

export const find = (id) => document.getElementById(id)

/** An element with properties and children. */
export function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties)
  element.append(...children)
  return element
}
