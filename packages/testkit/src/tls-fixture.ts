/**
 * A self-signed certificate for `localhost` and 127.0.0.1, for tests only. The key is public by being here: it protects
 * nothing and must never be trusted by anything but a test. Made with openssl; valid for a hundred years.
 */
export const LOCALHOST_CERT = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUVaW57SBVPJve0BwWP61mfkpIX7swCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjEyMzQyMVoYDzIxMjYxMDI5
MTIzNDIxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASVsEFi+j5+Lxuq8jimm+xdYXqaAD/Q8m0XzRPnLmlz4p8t7BMPPoLP
8SP5XlGVQ6r4Vnp5Lc3YpVRj8XUAljZyo28wbTAdBgNVHQ4EFgQUk3CLraBrJF+Z
WqaRBxTUgR1H8xIwHwYDVR0jBBgwFoAUk3CLraBrJF+ZWqaRBxTUgR1H8xIwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAI25ee8QCzI1dKZxNa20twjGxBwU5ba87/p1O7lDTLw2AiEA
nxBepD4ArWlr1UexGtYjNsyvAOTSxTsTeyXrYbTzO1U=
-----END CERTIFICATE-----
`;

export const LOCALHOST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg500C403e3kYKPP4H
f8gKjAe17gUow9ZIkvVH1GukPsqhRANCAASVsEFi+j5+Lxuq8jimm+xdYXqaAD/Q
8m0XzRPnLmlz4p8t7BMPPoLP8SP5XlGVQ6r4Vnp5Lc3YpVRj8XUAljZy
-----END PRIVATE KEY-----
`;
