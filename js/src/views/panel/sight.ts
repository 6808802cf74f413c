/** Which words of a long text are in sight: thousands of others need no paint at every move of the pointer. */

/** Every so manyth word is asked where it stands. */
const STRIDE = 24;

/** First and one past the last of the words in or near (one screen away from) the visible part of a box that scrolls. */
export function wordsInSight(box: Element, words: readonly { readonly span: Element }[]): readonly [number, number] {
  if (words.length === 0) return [0, 0];
  const { top, bottom, height } = box.getBoundingClientRect();
  let [first, end] = [0, words.length];
  for (let at = 0; at < words.length; at += STRIDE) {
    const place = (words[at] as { readonly span: Element }).span.getBoundingClientRect();
    // What is folded away has no place.
    if (place.height === 0) continue;
    if (place.bottom < top - height) first = at;
    else if (place.top > bottom + height) {
      end = at;
      break;
    }
  }
  return [first, end];
}
