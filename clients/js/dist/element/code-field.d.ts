/** The field for the code: one input, which lies over six boxes. Its text is spaced so that a digit stands in each. */
export interface CodeField {
    readonly root: HTMLElement;
    readonly input: HTMLInputElement;
    clear(): void;
}
/** `completed` hears of six digits that were typed, pasted or filled in. */
export declare function makeCodeField(completed: () => void): CodeField;
