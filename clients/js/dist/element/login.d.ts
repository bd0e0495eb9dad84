/** `<authsession-login>`: the log-in as an element. */
import { type AuthError, type Session } from '../index.js';
import { type LoginClient } from './flow.js';
/** Somebody logged in at this element. A session of an earlier visit or of another tab raises no event. */
export type AuthsessionLoginEvent = CustomEvent<{
    readonly session: Session;
    readonly client: LoginClient;
}>;
/** A call failed. The element has told the person already. */
export type AuthsessionErrorEvent = CustomEvent<{
    readonly error: AuthError;
}>;
declare const Base: {
    new (): HTMLElement;
    prototype: HTMLElement;
};
export declare class AuthsessionLogin extends Base {
    #private;
    static readonly observedAttributes: string[];
    constructor();
    /** The client that logs in. Set one to share yours; else the element makes one for `base-url`. */
    get client(): LoginClient;
    set client(client: LoginClient | undefined);
    focus(): void;
    connectedCallback(): void;
    disconnectedCallback(): void;
    attributeChangedCallback(name: string, before: string | null, after: string | null): void;
}
export {};
