/** The steps of a log-in, without a page: from the address over the code to a session. */
import { AuthError, type AuthClient, type Session } from '../index.js';
import type { Words } from './words.js';
/** The part of a client that a log-in needs. */
export type LoginClient = Pick<AuthClient, 'confirmCode' | 'onChange' | 'ready' | 'sendCode' | 'session'>;
export type Step = 'email' | 'code' | 'blocked' | 'done';
/** A call: for a first or further code, or for a session. */
export type Action = 'send' | 'confirm';
export interface Problem {
    readonly text: keyof Words;
    /** The field is at fault, so that it has to be corrected. */
    readonly isInField?: boolean;
    /** The code is over: only a new one helps. */
    readonly needsNewCode?: boolean;
}
/** A log-in as it outlives a reload of the page. Phones often unload a page while its person reads the letter. */
export interface Draft {
    readonly email: string;
    readonly challengeId: string;
    readonly wrong: number;
    readonly resendAt: number;
    readonly sentAt: number;
}
export interface Hearer {
    /** Something that is to be seen has changed. */
    changed(): void;
    /** Here, by this flow. */
    loggedIn(session: Session): void;
    failed(error: AuthError): void;
}
export declare const MAX_ATTEMPTS = 5;
export declare class Flow {
    #private;
    step: Step;
    email: string;
    busy: Action | undefined;
    problem: Problem | undefined;
    /** A further code was sent, and the person was told. */
    isResent: boolean;
    /** Wrong codes for the present challenge. */
    wrong: number;
    constructor(client: LoginClient, hearer: Hearer);
    /** Follows the session: a log-in or log-out in another tab shows here. */
    start(): void;
    stop(): void;
    get attemptsLeft(): number;
    /** Whole seconds until the action is allowed. */
    wait(action: Action): number;
    /** Whole seconds until the last rate limit ends. */
    get limit(): number;
    send(typed: string, locale: string): Promise<void>;
    resend(locale: string): Promise<void>;
    confirm(typed: string, label: string | undefined): Promise<void>;
    /** Back to the address. */
    back(): void;
    /** The person corrects the field. */
    edit(): void;
    /** Forgets a rate limit that is over. */
    tick(): void;
    get draft(): Draft | undefined;
    /** Goes on where a reload interrupted. Ignores an old draft, and anything that is not one. */
    restore(draft: Partial<Draft>): void;
}
