"""What a cold start of refresh costs, beside the process that most Python Lambdas start with.

Printed, never asserted: CPU seconds of whole fresh processes, medians of several, the two taken in turn.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUNS = 9
OURS = "import functions.refresh.handler"
PEER = (
    "import boto3, jwt.algorithms\n"
    "from aws_lambda_powertools import Logger\n"
    "boto3.client('dynamodb', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')\n"
    "Logger(service='peer')\n"
)
COUNT = "\nimport sys, json; print(json.dumps(len(sys.modules)))"


def cpu_seconds(program: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)  # noqa: S603 - our own program
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def modules(program: str) -> int:
    command = [sys.executable, "-c", program + COUNT]
    return int(json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout))  # noqa: S603 - as above


@pytest.mark.filterwarnings("ignore")
def test_refresh_beside_boto3_pyjwt_and_a_logger(capsys: pytest.CaptureFixture[str]) -> None:
    ours, peer = [], []
    for _ in range(RUNS):
        ours.append(cpu_seconds(OURS))
        peer.append(cpu_seconds(PEER))
    ratio = statistics.median(one / other for one, other in zip(ours, peer, strict=True))
    with capsys.disabled():
        print(
            f"\ncold start, CPU: refresh {statistics.median(ours) * 1000:.0f} ms, {modules(OURS)} modules; "
            f"boto3 + PyJWT + Logger {statistics.median(peer) * 1000:.0f} ms, {modules(PEER)} modules; "
            f"ratio {ratio:.2f} ({RUNS} runs, {time.strftime('%Y-%m-%d')})"
        )
