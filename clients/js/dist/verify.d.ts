/** Checks what others signed: requests of devices, and manifests and statements of the control plane. */
import { type Bytes } from './bytes.js';
export { readCode } from './code.js';
export { proofBytes, signedBytes, type SignedFields } from './envelope.js';
/** The reasons to refuse a request, in the order of the checks. */
export type RequestRefusal = 'unsupported_protocol_version' | 'invalid_envelope' | 'session_unknown' | 'session_revoked' | 'sessions_unavailable' | 'payload_hash_mismatch' | 'invalid_signature' | 'timestamp_out_of_window' | 'request_replayed';
/** The reasons not to use what claims to come from the control plane. */
export type Distrust = 'untrusted_manifest' | 'untrusted_statement' | 'malformed_answer' | 'another_node' | 'not_fresh' | 'another_pool' | 'another_manifest' | 'incompatible' | 'expired';
/** Something that must not be used. `reason` is stable. */
export declare class NotTrusted<Reason extends string = RequestRefusal | Distrust> extends Error {
    readonly reason: Reason;
    readonly name = "NotTrusted";
    constructor(reason: Reason);
}
/** Whether the key signed the message. False for a key that is none. */
export declare function isSignedBy(publicKey: Bytes, signature: Bytes, message: Bytes): Promise<boolean>;
/** Padded standard base64 as bytes, or undefined for any other text. `atob` alone accepts more. */
export declare function bytesOf(text: unknown, length?: number): Bytes | undefined;
export interface ReceivedRequest {
    method: string;
    /** The target of the request line as it arrived: path and query. */
    target: string;
    /** Names and values, such as pairs of Node's `rawHeaders`, or a `Headers`. */
    headers: Iterable<readonly [string, string]>;
    body: Bytes;
}
/** What is known of a session. `clientPublicKey` is the padded base64 of the record in Redis. */
export type KnownSession = {
    status: 'active';
    clientPublicKey: string;
} | {
    status: 'revoked' | 'unknown' | 'unavailable';
};
export interface RequestChecks {
    find(deviceSessionId: string): Promise<KnownSession> | KnownSession;
    /** Marks the id as taken, and says whether it was new. The mark must last for three windows. */
    take(deviceSessionId: string, requestId: string): Promise<boolean> | boolean;
    /** The largest difference of clocks in milliseconds. Default: 30 seconds. */
    windowMs?: number;
    now?: () => number;
}
/** The session that made the request. Throws `NotTrusted`. */
export declare function verifyRequest(request: ReceivedRequest, checks: RequestChecks): Promise<{
    deviceSessionId: string;
}>;
export interface Signed {
    /** The payload in base64. Nothing in it may be used before a signature is verified. */
    bytes: string;
    signatures: readonly {
        key_id: string;
        signature: string;
    }[];
}
export interface ConfigKey {
    key_id: string;
    public_key: string;
}
/** The place of a configuration: epoch and sequence. [0, 0]: none was ever activated. */
export type Position = readonly [epoch: number, sequence: number];
export interface Statement {
    position: Position;
    /** The SHA-256 of the manifest in hex, or null at [0, 0]. */
    digest: string | null;
}
export interface Manifest {
    pool: string;
    position: Position;
    expiresAt: string;
    configKeys: readonly ConfigKey[];
    /** As they stand in the manifest. */
    documents: readonly {
        kind: string;
        name: string;
        version: number;
        digest: string;
        bytes: number;
    }[];
    secrets: readonly {
        secret_id: string;
        version: number;
        for: string;
    }[];
}
/** The statement, if it answers this request of this node. Throws `NotTrusted`. */
export declare function verifyStatement(signed: Signed, trusted: readonly ConfigKey[], asked: {
    nodeId: string;
    requestId: string;
    pool: string;
}): Promise<Statement>;
/** The manifest that the statement names, if a trusted key and a key of its own list signed it. Throws `NotTrusted`. */
export declare function verifyManifest(signed: Signed, trusted: readonly ConfigKey[], named: Statement & {
    pool: string;
    now?: number;
}): Promise<Manifest>;
