/** Makes and fills DOM nodes. No text becomes markup, so that Trusted Types have nothing to refuse. */
type Attributes = Readonly<Record<string, string>>;
export declare function make<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes?: Attributes, ...children: (Node | string)[]): HTMLElementTagNameMap[Name];
/** Changes only what differs: a screen reader hears nothing twice, and a selection stays. */
export declare function setText(node: Node, text: string): void;
/** `text` with `value` in the place of `{email}`, emphasised and kept apart from the text's direction. */
export declare function setTextWithEmail(node: Element, text: string, value: string): void;
/** An attribute without a value, or none. */
export declare function setFlag(element: Element, name: string, isOn: boolean): void;
/** `true`, or no attribute. */
export declare function setAria(element: Element, name: string, isOn: boolean): void;
export {};
