/** The login code as people type and paste it. */
/**
 * The six digits that a person meant, or undefined. It accepts spaces and dashes anywhere, full-width digits, the same
 * code pasted twice, and the letter's line `@example.com #123456`.
 */
export declare function readCode(text: string): string | undefined;
