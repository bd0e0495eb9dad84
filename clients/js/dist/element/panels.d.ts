/** What a person sees of each step. A panel is made once for its step, and then only its texts and flags change. */
import type { Flow, Step } from './flow.js';
import type { Language, Words } from './words.js';
export interface Panel {
    readonly root: HTMLElement;
    /** Where the cursor goes when the panel opens, and after a refusal. */
    focus(): void;
    show(language: Language, words: Words): void;
}
/** What a person does in a panel. */
export interface Deeds {
    send(email: string): void;
    resend(): void;
    confirm(code: string): void;
    back(): void;
}
export declare function makePanel(step: Step, flow: Flow, deeds: Deeds): Panel;
/** The problem in words, or an empty text. */
export declare function problemText(flow: Flow, language: Language, words: Words): string;
