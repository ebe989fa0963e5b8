"""Accounts as the client saves them, read without importing it."""

from __future__ import annotations

import json

import pytest

from qrun.errors import AccountError
from qrun.runtime.accounts import account_file, find_account
from qrun.runtime.control import ControlChannel

CRN = "crn:v1:bluemix:public:quantum-computing:{}:a/1:2::"
TOKEN = "a-token-that-is-long-enough"


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    account_file().parent.mkdir()

    def save(accounts: object) -> None:
        account_file().write_text(accounts if isinstance(accounts, str) else json.dumps(accounts))

    return save


def entry(**more):
    return {"channel": "ibm_quantum_platform", "token": TOKEN, "instance": CRN.format("us-east"), **more}


def test_what_the_client_saves_is_what_is_read(saved):
    """The client itself writes the file."""
    from qiskit_ibm_runtime import QiskitRuntimeService

    # The client fixes the path of its file when it is first imported.
    file = str(account_file())
    QiskitRuntimeService.save_account(token=TOKEN, instance=CRN.format("eu-de"), name="lab", filename=file)
    QiskitRuntimeService.save_account(
        token=TOKEN + "2", instance=CRN.format("us-east"), set_as_default=True, filename=file
    )
    lab, default = find_account("lab"), find_account("ibm")
    assert (lab.token, lab.api_url) == (TOKEN, "https://eu-de.quantum.cloud.ibm.com/api/v1")
    assert (default.token, default.api_url) == (TOKEN + "2", "https://quantum.cloud.ibm.com/api/v1")
    assert default.iam_url == "https://iam.cloud.ibm.com"
    assert TOKEN not in repr(lab)


@pytest.mark.parametrize(
    ("accounts", "chosen"),
    [
        ({"a": entry(token="t1"), "b": entry(token="t2", is_default_account=True)}, "t2"),
        ({"a": entry(token="t1"), "default-ibm-quantum-platform": entry(token="t2")}, "t2"),
        ({"a": entry(token="t1", channel="ibm_cloud"), "b": entry(token="t2")}, "t2"),
        ({"old": entry(token="t1", channel="ibm_quantum"), "b": entry(token="t2")}, "t2"),
    ],
)
def test_the_default_account(saved, accounts, chosen):
    saved(accounts)
    assert find_account("ibm").token == chosen


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"a": 1}', '{"a": {"channel": "ibm_cloud"}}'])
def test_a_file_that_holds_no_account(saved, text):
    saved(text)
    with pytest.raises(AccountError):
        find_account("a")


def test_variables_go_before_the_file(saved, monkeypatch):
    saved({"a": entry(token="t1", is_default_account=True)})
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "t2")
    monkeypatch.setenv("QISKIT_IBM_INSTANCE", CRN.format("us-east"))
    assert find_account("ibm").token == "t2"
    assert find_account("a").token == "t1"


def test_an_instance_that_is_not_told_is_asked_for(saved):
    saved({"a": entry(instance=None)})
    account = find_account("a")
    with pytest.raises(AccountError, match="which instance"):
        ControlChannel(account)
    assert account.at_instance(CRN.format("us-east")).api_url == "https://quantum.cloud.ibm.com/api/v1"


def test_proxies_certificates_and_private_endpoints_hold_here_too(saved):
    saved({"a": entry(proxies={"urls": {"https": "http://proxy:3128"}}, verify=False, private_endpoint=True)})
    account = find_account("a")
    assert account.api_url == "https://private.us-east.quantum.cloud.ibm.com/api/v1"
    assert account.iam_url == "https://private.iam.cloud.ibm.com"
    assert (account.proxies, account.verify) == ({"https": "http://proxy:3128"}, False)
    ControlChannel(account).close()
