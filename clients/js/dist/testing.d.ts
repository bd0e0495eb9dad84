/** For the tests of an app: a server in memory. It checks signatures and proofs as the real one does. */
import { type Bytes } from './bytes.js';
export { envelopeOf, messageTypeOf, type Signing } from './envelope.js';
export { protectionOf, signWith } from './keys.js';
/** What `disturb` does to the next request of a path: the server never gets it, or its answer never arrives. */
export type Disturbance = 'request_lost' | 'answer_lost' | 'busy';
export interface Signer {
    userId: string;
    deviceSessionId: string;
}
export interface TestServerOptions {
    /** Default: `https://auth.test`. */
    baseUrl?: string;
    /** The host in proofs. Default: that of `baseUrl`. Null: the server has none, so that it can check no proof. */
    publicHost?: string | null;
    /** The server's time in milliseconds since 1970. Default: `Date.now`. */
    now?: () => number;
}
export interface TestServer {
    readonly baseUrl: string;
    /** For `createAuthClient({ baseUrl, fetch })`. */
    readonly fetch: (input: string, init?: RequestInit) => Promise<Response>;
    /** The method and path of every request that arrived, in order. */
    readonly requests: readonly string[];
    /** The newest code that was mailed to the address. */
    codeFor(email: string): string;
    /** Ends a session, as an operator does. */
    revoke(deviceSessionId: string): void;
    /** Forgets a session. */
    remove(deviceSessionId: string): void;
    /** The ids of the active sessions. */
    active(): string[];
    /** Answers signed requests to `origin`, such as your API. Without a handler an origin answers 404. */
    serve(origin: string, handler: (request: Request, signer: Signer) => Response | Promise<Response>): void;
    /** Disturbs the next `times` requests whose path ends so. */
    disturb(path: string, how: Disturbance, times?: number): void;
}
export declare function createTestServer(options?: TestServerOptions): TestServer;
/** An Ed25519 key of WebCrypto from its 32 private bytes, as golden data give them. */
export declare function keyFromSeed(seed: Bytes): Promise<{
    publicKey: string;
    privateKey: CryptoKey;
}>;
