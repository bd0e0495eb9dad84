/** Calls of the public API. Answers become values, refusals `AuthError`. */
export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;
export interface Call {
    url: string;
    init: RequestInit;
}
/** How often a call is sent at most, and how long an answer may take. */
export interface Patience {
    tries: number;
    timeoutMs: number;
    /** The browser goes on with the call when its page is closed. */
    outlivesPage?: boolean;
}
export declare const PATIENT: Patience;
/**
 * Sends a call, and the same bytes again if no answer came or the server is busy. The contract makes such repeats safe.
 * Raises `network_error` after the last try.
 */
export declare function sendAndRepeat(fetch: Fetch, call: Call, patience: Patience): Promise<Response>;
/** Sends a call, and returns its whole answer. No other server gets what it carries: redirects are not followed. */
export declare function sendOnce(fetch: Fetch, { url, init }: Call, patience: Patience): Promise<Response>;
/** The JSON object of a 200. Raises the `AuthError` of any other answer. */
export declare function objectOf(answer: Response): Promise<Record<string, unknown>>;
/** The text of that name. Raises `unexpected_answer` if there is none. */
export declare function textOf(object: Record<string, unknown>, name: string): string;
export declare function postOf(url: string, body: object, headers?: Record<string, string>): Call;
