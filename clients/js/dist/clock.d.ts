/** The server's time. Clocks of clients are often wrong, so each answer's `Date` corrects it. */
export declare class ServerClock {
    #private;
    /** `local` gives the milliseconds since 1970 of this machine. */
    constructor(local: () => number);
    now(): number;
    /** Takes the time of an answer that has just arrived. A copy from a cache has an old time, and is left out. */
    learn(answer: Response): void;
}
