/** The looks. Text and font are those of the page, so that the element fits in; colours follow its `color-scheme`. */
/** One sheet for all elements of the page. The CSS object model needs no permission of `style-src`. */
export declare function adoptStyles(root: ShadowRoot): void;
