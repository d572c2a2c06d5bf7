"""hotlap: reinforcement-learning environments of TrackMania Nations Forever, from Python.

    import gymnasium as gym, hotlap
    env = gym.make_vec('hotlap/HairpinRun-v0', num_envs=64)
    observations, infos = env.reset(seed=1)

`Env` and `VectorEnv` are Gymnasium's, `Client` is the raw protocol, `Server` starts a local server, `evaluate` reports how a
policy drives.
"""

from hotlap import errors, policies
from hotlap.backoff import Backoff
from hotlap.client import Client
from hotlap.env import Env
from hotlap.errors import (
                           HotlapError,
                           LeaseExpired,
                           NoReply,
                           Refused,
                           RowsRefused,
                           ServerFull,
                           ServerLost,
                           ServerNotStarted,
                           SpecMismatch,
                           TimedOut,
)
from hotlap.evaluation import evaluate
from hotlap.evaluation_report import Report
from hotlap.protocol import Attachment, Batch, EndReason, EnvironmentSpec, Hello, RowStatus
from hotlap.registration import register_all
from hotlap.server import Server
from hotlap.sockets import ClientKeys
from hotlap.vector_env import VectorEnv

__version__ = '0.1.0'
__all__ = ['Attachment', 'Backoff', 'Batch', 'Client', 'ClientKeys', 'EndReason', 'Env', 'EnvironmentSpec', 'Hello',
           'HotlapError', 'LeaseExpired', 'NoReply', 'Refused', 'Report', 'RowStatus', 'RowsRefused', 'Server', 'ServerFull',
           'ServerLost', 'ServerNotStarted', 'SpecMismatch', 'TimedOut', 'VectorEnv', 'errors', 'evaluate', 'policies']

register_all()
