import { auth } from '../../../../server/auth/auth.ts';

/** The link that `./inorder up` prints: used once, then the board opens signed in. */
export async function GET(request: Request, { params }: { params: Promise<{ token: string }> }): Promise<Response> {
  const { token } = await params;
  const signedIn = await auth().api.signInByLink({ body: { token }, headers: request.headers, asResponse: true });
  // A relative location: the cookie is for the host name the person came by.
  const location = signedIn.ok ? '/lag' : '/sign-in?problem=link';
  const answer = new Response(null, { status: 303, headers: { location, 'cache-control': 'no-store' } });
  for (const cookie of signedIn.headers.getSetCookie()) answer.headers.append('set-cookie', cookie);
  return answer;
}
