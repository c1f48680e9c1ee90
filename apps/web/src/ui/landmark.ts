import { type RefCallback, type RefObject, useCallback, useRef } from 'react';

/**
 * The landmark or dialog around a trigger. Its popup belongs in there: in the body, where it would go by itself, it is
 * content outside of every landmark.
 */
export function useLandmark(): readonly [RefObject<HTMLElement | null>, RefCallback<HTMLElement>] {
  const landmark = useRef<HTMLElement>(null);
  const trigger = useCallback((element: HTMLElement | null) => {
    landmark.current = element?.closest<HTMLElement>('[role="dialog"], main, header') ?? null;
  }, []);
  return [landmark, trigger];
}
