/** A name for this device, such as "Firefox on Linux". */
/** A label for `confirmCode`, or undefined where nothing is known, as in Node.js. */
export declare function deviceLabel(userAgent?: string): string | undefined;
