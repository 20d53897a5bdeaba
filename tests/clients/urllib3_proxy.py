"""urllib3's pool for a proxy, made of the variables."""

import os

import urllib3


def call(url: str, key: str) -> str:
    proxy = urllib3.util.parse_url(os.environ["HTTPS_PROXY"])
    user = urllib3.make_headers(proxy_basic_auth=proxy.auth)
    with urllib3.ProxyManager(
        f"http://{proxy.netloc}", proxy_headers=user, ca_certs=os.environ["SSL_CERT_FILE"], retries=False
    ) as pool:
        answer = pool.request("GET", f"{url}/who", headers={"Authorization": f"Bearer {key}"})
        return str(answer.json()["name"])
