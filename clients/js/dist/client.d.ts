/** The client: log-in, the session of this device, signed requests, and the user's devices. */
import { type KeyProtection } from './keys.js';
import { type DeviceStorage, type EndReason } from './storage.js';
export interface AuthClientOptions {
    /** The public API, such as `https://auth.example.com`. */
    baseUrl: string | URL;
    /** The server's `AUTHSESSION_PUBLIC_HOST`. Default: the host in `baseUrl`; for a loopback address `localhost`. */
    publicHost?: string;
    /** The name under which this client keeps its key. Default: `baseUrl`. */
    name?: string;
    /**
     * The origins that `fetch` signs for, such as `https://api.example.com`. Default: every one. A signature names method
     * and path and no host, so that a server that gets one could use it at another of your servers.
     */
    origins?: readonly (string | URL)[];
    /** Where the key is kept. Default: IndexedDB; where there is none, memory. */
    storage?: DeviceStorage;
    fetch?: (input: string, init?: RequestInit) => Promise<Response>;
    /** This machine's time in milliseconds since 1970. Default: `Date.now`. */
    now?: () => number;
}
export interface Challenge {
    readonly challengeId: string;
    /** The seconds until another letter can be asked for. */
    readonly resendAfter: number;
}
/** The session of this device. It is a plain value, and a new object after each change. */
export interface Session {
    readonly deviceSessionId: string;
    readonly keyProtection: KeyProtection;
}
/** `restored`: a session from an earlier visit. `logged_in`: here, or in another tab. */
export type ChangeReason = 'restored' | 'logged_in' | EndReason;
export type ChangeListener = (session: Session | null, reason: ChangeReason) => void;
export interface Device {
    readonly deviceSessionId: string;
    readonly label: string | undefined;
    /** An instant in UTC, such as `2026-04-02T09:21:40Z`. */
    readonly createdAt: string;
    /** A day in UTC, such as `2026-04-02`; undefined if no gateway has told of a use yet. */
    readonly lastSeenOn: string | undefined;
    readonly isCurrent: boolean;
}
export interface Devices {
    /** The active sessions of this user, the newest first. */
    list(): Promise<Device[]>;
    /** Ends a session of this user. The own one: as `logOut`, but a refusal raises an error. */
    revoke(deviceSessionId: string): Promise<{
        outcome: 'revoked' | 'already_revoked';
        deviceSessionId: string;
    }>;
    /** Ends all sessions of this user but this one. */
    revokeOthers(): Promise<{
        outcome: string;
        affectedSessionCount: number;
    }>;
    /** Names this device in the list. */
    rename(label: string): Promise<void>;
}
export interface AuthClient {
    /** The session as last known: null also while the storage is read for the first time. See `ready`. */
    readonly session: Session | null;
    readonly devices: Devices;
    /** Reads the storage, and returns the session that it holds. */
    ready(): Promise<Session | null>;
    /** Mails a login code. The answer is the same for every address. `locale` chooses the letter's language. */
    sendCode(email: string, options?: {
        locale?: string;
    }): Promise<Challenge>;
    /** Logs in. `label` names this device in the list of devices; `deviceLabel()` proposes one. */
    confirmCode(challenge: Pick<Challenge, 'challengeId'>, code: string, options?: {
        label?: string;
    }): Promise<Session>;
    /**
     * As the global `fetch`, with a signature of this device. Answers are not taken from the browser's cache, and
     * redirects are not followed, because a signature is for one target.
     */
    fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
    /** Ends the session at the server, and forgets the key at once. `revoked` says whether the server confirmed it. */
    logOut(): Promise<{
        revoked: boolean;
    }>;
    /** Calls the listener after each change. The returned function ends that. */
    onChange(listener: ChangeListener): () => void;
    /** Stops listening to other tabs. */
    close(): void;
}
/** A client for one server. All tabs of an origin share its session. */
export declare function createAuthClient(options: AuthClientOptions): AuthClient;
