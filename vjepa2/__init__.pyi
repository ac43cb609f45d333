from .action_predictor import ActionPredictor as ActionPredictor
from .cloning import Cloning as Cloning
from .dynamics import Dynamics as Dynamics
from .dynamics_objective import DynamicsObjective as DynamicsObjective
from .encoder import Encoder as Encoder
from .module import VJEPA2 as VJEPA2
from .objective import FeatureLoss as FeatureLoss
from .predictor import Predictor as Predictor
