/** The looks. Text and font are those of the page, so that the element fits in; colours follow its `color-scheme`. */

const CSS = `
:host {
  --_accent: var(--authsession-accent, #14191e);
  --_on-accent: var(--authsession-on-accent, #fff);
  --_error: var(--authsession-error, #b42318);
  --_success: var(--authsession-success, #0b7a4b);
  --_muted: var(--authsession-muted, color-mix(in srgb, currentcolor 72%, transparent));
  --_border: var(--authsession-border, color-mix(in srgb, currentcolor 52%, transparent));
  --_field: var(--authsession-field, transparent);
  --_radius: var(--authsession-radius, 0.5rem);
  display: block;
  position: relative;
  max-inline-size: var(--authsession-max-width, 24rem);
  line-height: 1.5;
  text-align: start;
  -webkit-text-size-adjust: 100%;
}
@supports (color: light-dark(#000, #fff)) {
  :host {
    --_accent: var(--authsession-accent, light-dark(#14191e, #f3f6f8));
    --_on-accent: var(--authsession-on-accent, light-dark(#fff, #14191e));
    --_error: var(--authsession-error, light-dark(#b42318, #ff9d91));
    --_success: var(--authsession-success, light-dark(#0b7a4b, #58d39b));
  }
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
.panel { display: flex; flex-direction: column; margin: 0; }
.hidden {
  position: absolute;
  inline-size: 1px;
  block-size: 1px;
  margin: -1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}
h2 {
  margin: 0 0 1rem;
  font-size: 1.5rem;
  font-weight: 650;
  letter-spacing: -0.01em;
  line-height: 1.25;
  text-wrap: balance;
  word-break: auto-phrase;
  outline: none;
}
p { margin: 0; overflow-wrap: anywhere; }
.panel > [part~='text'] { margin: -0.5rem 0 1.25rem; color: var(--_muted); }
[part~='address'] { font-weight: 600; }
label { margin-block-end: 0.375rem; font-size: 0.875rem; font-weight: 600; }
input, button { font: inherit; letter-spacing: inherit; color: inherit; }
[part~='input'] {
  inline-size: 100%;
  min-block-size: 3rem;
  padding: 0 0.875rem;
  font-size: max(1em, 16px);
  border: 1px solid var(--_border);
  border-radius: var(--_radius);
  background: var(--_field);
}
[part~='input']:focus-visible, button:focus-visible {
  outline: 2px solid var(--_accent);
  outline-offset: 2px;
}
[part~='input'][aria-invalid] { border-color: var(--_error); }
[part~='hint'], [part~='error'] {
  margin-block: 0.5rem 1.25rem;
  font-size: 0.875rem;
  color: var(--_muted);
}
[part~='error'] { color: var(--_error); }
[part~='button'] {
  display: flex;
  align-items: center;
  justify-content: center;
  gap: 0.5rem;
  inline-size: 100%;
  min-block-size: 3rem;
  padding: 0.5rem 1rem;
  border: 1px solid transparent;
  border-radius: var(--_radius);
  background: var(--_accent);
  color: var(--_on-accent);
  font-weight: 600;
  font-variant-numeric: tabular-nums;
  cursor: pointer;
}
[part~='button']:hover { background: color-mix(in srgb, var(--_accent) 88%, var(--_on-accent)); }
button[aria-disabled] { cursor: default; }
[part~='button'][aria-disabled]:not([data-busy]) {
  background: color-mix(in srgb, var(--_accent) 12%, transparent);
  color: var(--_muted);
}
.spinner {
  display: none;
  inline-size: 1em;
  block-size: 1em;
  border: 2px solid;
  border-inline-end-color: transparent;
  border-radius: 50%;
}
[data-busy] > .spinner { display: block; }
.links { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; margin-block: 0.5rem -0.625rem; }
[part~='link'] {
  min-block-size: 2.75rem;
  padding: 0;
  border: 0;
  border-radius: 0.25rem;
  background: none;
  font-size: 0.875rem;
  font-variant-numeric: tabular-nums;
  text-align: start;
  text-decoration: underline;
  text-decoration-color: var(--_border);
  text-underline-offset: 0.25em;
  cursor: pointer;
}
[part~='link']:hover { text-decoration-color: currentcolor; }
[part~='link'][aria-disabled] { color: var(--_muted); text-decoration: none; }

.code {
  --_space: 0.5rem;
  --_box: calc((100cqi - 5 * var(--_space)) / 6);
  position: relative;
  block-size: 3.5rem;
  container-type: inline-size;
  overflow: clip;
}
.boxes { position: absolute; inset: 0; display: flex; gap: var(--_space); direction: ltr; }
[part~='digit'] {
  flex: 1;
  border: 1px solid var(--_border);
  border-radius: var(--_radius);
  background: var(--_field);
}
.code:has([aria-invalid]) [part~='digit'] { border-color: var(--_error); }
.code:focus-within [part~='digit-selected'] { background: color-mix(in srgb, currentcolor 14%, transparent); }
.code:focus-within [part~='digit-current'] { outline: 2px solid var(--_accent); outline-offset: -2px; }
[part~='code-input'] {
  position: absolute;
  inset-block: 0;
  left: 0;
  inline-size: calc(100cqi + 2 * var(--_box));
  padding: 0 0 0 calc((var(--_box) - 1ch) / 2);
  border: 0;
  outline: 0;
  background: none;
  font-family: var(--authsession-code-font, ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace);
  font-size: 1.625rem;
  font-variant-numeric: tabular-nums lining-nums;
  font-weight: 600;
  letter-spacing: calc(var(--_box) + var(--_space) - 1ch);
}
[part~='code-input']::selection { background: transparent; color: inherit; }
.done { align-items: flex-start; }
.done > h2 { margin: 0; }
.mark {
  display: grid;
  place-items: center;
  inline-size: 2.75rem;
  block-size: 2.75rem;
  margin-block-end: 1rem;
  border-radius: 50%;
  background: color-mix(in srgb, var(--_success) 16%, transparent);
}
.mark::after {
  inline-size: 0.5rem;
  block-size: 1rem;
  margin-block-start: -0.25rem;
  border: solid var(--_success);
  border-width: 0 3px 3px 0;
  content: '';
  rotate: 45deg;
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: enter 160ms ease-out; }
  .spinner { animation: turn 800ms linear infinite; }
  [part~='button'], [part~='input'], [part~='digit'] { transition: background-color 120ms, border-color 120ms; }
}
@keyframes enter { from { opacity: 0; translate: 0 0.25rem; } }
@keyframes turn { to { rotate: 1turn; } }
@media (prefers-contrast: more) {
  :host { --_muted: currentcolor; --_border: currentcolor; }
}
@media (forced-colors: active) {
  [part~='button'] { border-color: ButtonText; }
  button[aria-disabled] { color: GrayText; border-color: GrayText; }
}
`

let sheet: CSSStyleSheet | undefined

/** One sheet for all elements of the page. The CSS object model needs no permission of `style-src`. */
export function adoptStyles(root: ShadowRoot): void {
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(CSS)
  }
  root.adoptedStyleSheets = [sheet]
}
