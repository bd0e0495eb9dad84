/** Importing this file defines `<authsession-login>`. On a server without elements it does nothing. */
import { AuthsessionLogin, type AuthsessionErrorEvent, type AuthsessionLoginEvent } from './element/login.js';
export { AuthsessionLogin };
export type { AuthsessionErrorEvent, AuthsessionLoginEvent };
export type { LoginClient } from './element/flow.js';
declare global {
    interface HTMLElementTagNameMap {
        'authsession-login': AuthsessionLogin;
    }
    interface HTMLElementEventMap {
        'authsession-login': AuthsessionLoginEvent;
        'authsession-error': AuthsessionErrorEvent;
    }
}
